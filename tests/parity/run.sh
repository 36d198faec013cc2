#!/bin/bash
# Plays the recorded cases against the binary and compares with known-failures.txt, which only ever shrinks.
#   run.sh BRAMBLE
# Prints passed and failed for each area; the last line is "N passed, N failed". Fails when a case fails that is not on the list.
# Cases on the list are played too, last and with short time limits: most of them wait for what never comes.
set -uo pipefail
bramble=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
port=${BRAMBLE_PARITY_PORT:-16443}
server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; }; rm -rf "$work"; }
trap stop EXIT

"$bramble" server --disable-agent --data-dir "$work/data" --bind-address 127.0.0.1 --https-listen-port "$port" --node-name parity \
    --write-kubeconfig "$work/kubeconfig" --config "$work/none.yaml" \
    --kube-apiserver-arg=anonymous-auth=true --kube-apiserver-arg=service-account-issuer=https://kubernetes.default.svc \
    --kube-apiserver-arg=api-audiences=https://kubernetes.default.svc >"$work/log" 2>&1 &
server=$!
tls=$work/data/server/tls
for _ in $(seq 300); do
    curl -sf --cacert "$tls/server-ca.crt" --cert "$tls/client-admin.crt" --key "$tls/client-admin.key" "https://127.0.0.1:$port/readyz" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || { cat "$work/log"; echo "the server ended before the cases began"; exit 1; }
    sleep 0.1
done
# The cases were recorded by a cluster admin who is called "admin"; Tables show the name.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/admin.key" -subj /O=system:masters/CN=admin -out "$work/admin.csr" 2>/dev/null
openssl x509 -req -in "$work/admin.csr" -CA "$tls/client-ca.crt" -CAkey "$tls/client-ca.key" -CAcreateserial -days 2 -out "$work/admin.crt" 2>/dev/null
play() {
    python3 "$here/parity.py" --server "https://127.0.0.1:$port" --cert "$work/admin.crt" --key "$work/admin.key" --ca "$tls/server-ca.crt" "$@"
}
known=() only=()
while read -r name; do
    known+=(--skip "$name") only+=(--only "$name")
done <"$here/known-failures.txt"
play --jobs 4 --slow 3 "${known[@]}" >"$work/first" 2>&1
grep -oE '^FAIL [^ ]+' "$work/first" | cut -d' ' -f2 | sort >"$work/failed"
# A busy machine can make a case miss its time: what failed and should not is played once more, alone.
: >"$work/new"
while read -r name; do
    play --jobs 1 --slow 3 --only "$name" >"$work/again" 2>&1 || { echo "$name" >>"$work/new"; grep -E '^FAIL' "$work/again" | cut -c1-600; }
done <"$work/failed"
: >"$work/second"
[ ${#only[@]} -eq 0 ] || play --jobs 8 --slow 0.1 "${only[@]}" >"$work/second" 2>&1
grep -oE '^FAIL [^ ]+' "$work/second" | cut -d' ' -f2 | sort >"$work/stillfailed"

echo 'area            failed'
sort "$work/new" "$work/stillfailed" | cut -d/ -f1 | uniq -c | awk '{ printf "%-15s %s\n", $2, $1 }'
gone=$(comm -13 "$work/stillfailed" <(sort "$here/known-failures.txt"))
[ -z "$gone" ] || printf 'passes now, take it off known-failures.txt: %s\n' $gone
failed=$(cat "$work/new" "$work/stillfailed" | wc -l)
echo "$(($(find "$here/cases" -name '*.json' | wc -l) - failed)) passed, $failed failed"
[ ! -s "$work/new" ]
