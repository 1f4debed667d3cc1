{{- define "predictor.labels" -}}
app.kubernetes.io/name: predictor
app.kubernetes.io/part-of: predictor
{{- end }}

{{- define "predictor.selector" -}}
app.kubernetes.io/name: predictor
{{- end }}

{{- define "predictor.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{- /* What is let out, as Gateway API names the kinds of paths; metrics and probes are for the cluster alone. */}}
{{- define "predictor.paths" -}}
- { path: /health, type: Exact }
- { path: /version, type: Exact }
- { path: /predict, type: Exact }
- { path: /quote, type: Exact }
- { path: /openapi.json, type: Exact }
- { path: /docs, type: PathPrefix }
{{- end }}

{{- /* Annotations of an object of the release: `own`, which it has anyway, and what lets it outlive the release. */}}
{{- define "predictor.annotations" -}}
{{- $all := merge (dict) .own }}
{{- if .root.Values.keep }}
{{- $_ := set $all "helm.sh/resource-policy" "keep" }}
{{- end }}
{{- with $all -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The head of an object of the release, given its kind and apiVersion. */}}
{{- define "predictor.head" -}}
apiVersion: {{ .apiVersion }}
kind: {{ .kind }}
metadata:
  name: predictor
  namespace: {{ .root.Release.Namespace | quote }}
  labels:
    {{- include "predictor.labels" .root | nindent 4 }}
  {{- with include "predictor.annotations" (dict "root" .root "own" (.annotations | default dict)) }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
