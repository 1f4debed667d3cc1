{{- /* All that depends on monitoring.flavor. */}}

{{- define "windlass.monitoring.podAnnotations" -}}
{{- if eq .Values.monitoring.flavor "annotations" -}}
prometheus.io/scrape: 'true'
prometheus.io/port: '8080'
prometheus.io/path: /metrics
{{- end }}
{{- end }}

{{- define "windlass.monitoring.apiVersion" -}}
{{- get (dict "operator" "monitoring.coreos.com/v1" "azure" "azmonitoring.coreos.com/v1") .Values.monitoring.flavor }}
{{- end }}

{{- /* Beyond these Azure drops a sample without a word. */}}
{{- define "windlass.monitoring.limits" -}}
{{- if eq .Values.monitoring.flavor "azure" -}}
labelLimit: 63
labelNameLengthLimit: 511
labelValueLengthLimit: 1023
{{- end }}
{{- end }}
