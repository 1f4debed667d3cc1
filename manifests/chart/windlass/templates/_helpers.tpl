{{- define "windlass.labels" -}}
app.kubernetes.io/name: windlass
app.kubernetes.io/part-of: windlass
{{- end }}

{{- define "windlass.selector" -}}
app.kubernetes.io/name: windlass
{{- end }}

{{- define "windlass.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}
