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

{{/* The hosts of networkPolicy.fqdns, as Cilium selects names. */}}
{{- define "windlass.names" -}}
{{- range .Values.networkPolicy.fqdns }}
- {{ contains "*" . | ternary "matchPattern" "matchName" }}: {{ . | quote }}
{{- end }}
{{- end }}
