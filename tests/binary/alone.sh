#!/bin/bash
# alone.sh BRAMBLE: copied alone into an empty folder the binary runs, serves and stops cleanly.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cp "$1" "$folder/bramble"
cd "$folder"
./bramble --version | head -n 1 | grep -qE '^k3s version v1\.36\.2\+k3s1 \([0-9a-f]{8}\)$'
./bramble server --disable-agent --data-dir "$folder/data" --bind-address 127.0.0.1 --https-listen-port 16453 --node-name alone \
    --write-kubeconfig "$folder/kubeconfig" --config "$folder/none" >log 2>&1 &
server=$!
for _ in $(seq 200); do
    KUBECONFIG=$folder/kubeconfig ./bramble kubectl get namespaces >out 2>/dev/null && grep -q kube-system out && break
    kill -0 "$server" || { cat log; exit 1; }
    sleep 0.1
done
grep -q kube-system out || { cat log; exit 1; }
[ "$(stat -c %a kubeconfig)" = 600 ]
kill -TERM "$server"
wait "$server"
server=
grep -q 'pods go on running' log
