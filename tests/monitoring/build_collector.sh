#!/usr/bin/env bash
# Builds the OpenTelemetry collector for the tests, of the version in docker-compose.yaml, with the components that
# deploy/monitoring/otel-collector.yaml uses. Needs Go, its module proxy, and about three minutes of CPU time.
#
#   tests/monitoring/build_collector.sh /usr/local/bin
set -euo pipefail

readonly VERSION=v0.161.0 CONFMAP_VERSION=v1.67.0
readonly CORE=go.opentelemetry.io/collector CONTRIB=github.com/open-telemetry/opentelemetry-collector-contrib

target=$1
build=$(mktemp --directory)
trap 'rm -rf "$build"' EXIT
# Nothing of the user's caches is used, and nothing is left in them.
export GOPATH=$build/go GOCACHE=$build/cache GOFLAGS=-modcacherw
cat > "$build/builder.yaml" <<EOF
dist: {name: otelcol, output_path: $build/out}
receivers:
  - gomod: $CORE/receiver/otlpreceiver $VERSION
processors:
  - gomod: $CORE/processor/batchprocessor $VERSION
  - gomod: $CONTRIB/processor/deltatocumulativeprocessor $VERSION
exporters:
  - gomod: $CORE/exporter/otlphttpexporter $VERSION
  - gomod: $CONTRIB/exporter/prometheusexporter $VERSION
providers:
  - gomod: $CORE/confmap/provider/fileprovider $CONFMAP_VERSION
EOF
go run "$CORE/cmd/builder@$VERSION" --config "$build/builder.yaml"
install "$build/out/otelcol" "$target/otelcol"
