module windlass.dev/bootstrap/local/pause

go 1.26.0
