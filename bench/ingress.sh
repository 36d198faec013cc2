#!/bin/bash
# What a proxied request costs: requests per second of CPU, Bramble's ingress against Debian's nginx on the same route, plain and with TLS.
#   bench/ingress.sh [BRAMBLE]      the AOT binary, artifacts/publish/linux-x64/bramble unless named
# Needs root, nginx and wrk (apt-get install nginx wrk; BENCH_NGINX and BENCH_WRK name others). Both proxies run in one test host and keep their connections to one
# backend on this machine; a proxy's cost is its process' CPU time over the run, so what else the machine does hardly matters.
set -euo pipefail
cd "$(dirname "$0")/.."
bramble=$(realpath "${1:-artifacts/publish/linux-x64/bramble}")
nginx=${BENCH_NGINX:-nginx} wrk=${BENCH_WRK:-wrk} seconds=${SECONDS_EACH:-8}
kubectl=artifacts/clients/kubectl
host=${BENCH_HOST:-ingbench} number=${BENCH_NUMBER:-139} address=10.201.0.${BENCH_NUMBER:-139}
work=$(mktemp -d)
finish() {
    [ ! -f "$work/backend.pid" ] || kill "$(cat "$work/backend.pid")" 2>/dev/null || true
    setsid --wait tests/hosts/host.sh down "$host" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
inside() { tests/hosts/host.sh exec "$host" "$@"; }
# Both proxies' own processes: the worker of nginx (its child), the one of Bramble.
ticks() { inside sh -c 'for p in $(cat '"$1"'; cat /proc/$(cat '"$1"')/task/*/children); do cut -d" " -f14,15 /proc/$p/stat; done' 2>/dev/null | awk '{ sum += $1 + $2 } END { print sum }'; }
common="error_log /dev/null; events { worker_connections 4096; }"
logs="access_log off; keepalive_requests 1000000000; client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;"

setsid --wait tests/hosts/host.sh down "$host" >/dev/null 2>&1 || true
setsid --wait tests/hosts/host.sh up "$host" "$number"
echo "pid $work/backend.pid; worker_processes 1; $common http { $logs server { listen 10.201.0.1:19080; location / { return 200 'a small answer, as most are\n'; } } }" >"$work/backend.conf"
"$nginx" -c "$work/backend.conf"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key" -out "$work/crt" -days 2 -subj /CN=bench 2>/dev/null
echo "pid /run/nginx.pid; worker_processes 1; $common http { $logs
    upstream app { server 10.201.0.1:19080; keepalive 64; keepalive_requests 1000000000; }
    server { listen 8080; listen 8443 ssl http2; ssl_certificate $work/crt; ssl_certificate_key $work/key;
        location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host \$host; proxy_set_header X-Real-IP \$remote_addr; proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_set_header X-Forwarded-Host \$host; proxy_set_header X-Forwarded-Proto \$scheme; } } }" >"$work/proxy.conf"
inside "$nginx" -c "$work/proxy.conf"
inside bash -c "setsid '$bramble' server >/run/k3s.log 2>&1 </dev/null & echo \$! >/run/server.pid"
for _ in $(seq 300); do
    inside cat /etc/rancher/k3s/k3s.yaml 2>/dev/null | sed "s/127.0.0.1/$address/" >"$work/kubeconfig" && "$kubectl" --kubeconfig "$work/kubeconfig" get ingressclass traefik >/dev/null 2>&1 && break
    sleep 0.2
done
"$kubectl" --kubeconfig "$work/kubeconfig" apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: app-1, namespace: default, labels: {kubernetes.io/service-name: app}}
addressType: IPv4
ports: [{port: 19080}]
endpoints: [{addresses: [10.201.0.1], conditions: {ready: true}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: app, namespace: default}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]}
YAML
for _ in $(seq 100); do curl -sf "http://$address/" >/dev/null && break; sleep 0.1; done
echo "resident before load: $(inside awk '/VmRSS/ { print int($2 / 1024) " MB" }' "/proc/$(inside cat /run/server.pid)/status")"

measure() { # NAME URL PIDFILE
    "$wrk" -t1 -c32 -d2s "$2" >/dev/null
    local before after result requests
    before=$(ticks "$3")
    result=$("$wrk" -t1 -c32 -d"${seconds}s" "$2")
    after=$(ticks "$3")
    requests=$(awk '/requests in/ { print $1 }' <<<"$result")
    awk -v name="$1" -v n="$requests" -v ticks=$((after - before)) -v rate="$(awk '/Requests\/sec/ { print $2 }' <<<"$result")" -v bad="$(awk '/Non-2xx|Socket errors/' <<<"$result" | tr '\n' ' ')" \
        'BEGIN { printf "%-16s %8.0f requests a CPU second (%6.0f/s, %.0f us each) %s\n", name, n / (ticks / 100), rate, ticks * 10000 / n, bad }'
}
measure "nginx plain" "http://$address:8080/" /run/nginx.pid
measure "bramble plain" "http://$address/" /run/server.pid
measure "nginx TLS" "https://$address:8443/" /run/nginx.pid
measure "bramble TLS" "https://$address/" /run/server.pid
echo "resident after load: $(inside awk '/VmRSS/ { print int($2 / 1024) " MB" }' "/proc/$(inside cat /run/server.pid)/status")"
