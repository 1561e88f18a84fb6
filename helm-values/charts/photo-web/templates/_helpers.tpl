{{- define "photo-web.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "photo-web.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "photo-web.labels" -}}
{{ include "photo-web.selector" . }}
app.kubernetes.io/part-of: photos
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "photo-web.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* A value as a quoted string. YAML's numbers arrive as floats, which would be written 2.68435456e+08 from a million on. */}}
{{- define "photo-web.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . | toString | quote }}
{{- else -}}
{{ toString . | quote }}
{{- end -}}
{{- end -}}

{{/* A map whose values are strings, such as annotations. */}}
{{- define "photo-web.texts" -}}
{{- range $name, $value := . }}
{{ $name }}: {{ include "photo-web.text" $value }}
{{- end }}
{{- end -}}
