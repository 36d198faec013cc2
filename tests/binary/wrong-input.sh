#!/bin/bash
# wrong-input.sh BRAMBLE: each wrong command line is one line on standard error, with the expected words, and no answer on standard output.
set -uo pipefail
bramble=$(realpath "$1") bad=0
folder=$(mktemp -d)
listener=
trap '[ -z "$listener" ] || kill "$listener"; rm -rf "$folder"' EXIT
expect() {
    local words=$1; shift
    local error status
    # A wrong command line is refused at once; what is not refused would serve until the test's end.
    error=$(timeout 20 "$bramble" "$@" 2>&1 >/dev/null); status=$?
    error=$(grep -v ' level=info ' <<<"$error")
    if [ "$status" = 0 ] || [ "$status" = 124 ] || [ "$(wc -l <<<"$error")" != 1 ] || [[ $error != *"$words"* ]]; then
        echo "bramble $*: status $status, said: $error"
        bad=1
    fi
}
expect 'unknown command "servr"; did you mean "server"?' servr
expect 'unknown flag --dissable; did you mean --disable?' server --dissable x
expect '--token needs a value' server --token
expect '--https-listen-port: "x" is not a whole number' server --https-listen-port x
expect 'is a K3s flag that Bramble does not have yet' server --cluster-init
expect '--flannel-backend: "ipsec" is not one of' server --flannel-backend ipsec
expect '--node-taint: "a" must be KEY=VALUE:EFFECT' server --node-taint a
expect '--kubelet-arg: Bramble has no setting "max-pod"; nearest is "max-pods"' server --kubelet-arg max-pod=3
expect '--kube-apiserver-arg: Bramble has no setting "anonymous"; nearest is "anonymous-auth"' server --kube-apiserver-arg anonymous=true
expect "--kube-proxy-arg: proxy-mode=\"ipvs\": Bramble's service proxy is nftables and has no other mode; leave it out" server --kube-proxy-arg proxy-mode=ipvs
expect '--write-kubeconfig-mode: "rw" is no octal mode like 0644' server --write-kubeconfig-mode rw
expect '--service-node-port-range: "30000" is no range like 30000-32767' server --service-node-port-range 30000
expect '--cluster-cidr: "10.42" is no network like 10.42.0.0/16' server --cluster-cidr 10.42
expect '--cluster-dns: "dns" is no IP address' server --cluster-dns dns
expect '"a_b" cannot be a node'"'"'s name' server --node-name a_b
expect '--token-file: /nowhere does not exist' server --token-file /nowhere
expect 'server takes flags only, not "extra"' server extra
expect '--debug: "maybe" is not true or false' server --debug=maybe
printf 'node-name: [a\n' >"$folder/broken.yaml"
expect "$folder/broken.yaml, line " server --config "$folder/broken.yaml"
printf -- '- a\n' >"$folder/list.yaml"
expect 'must be a YAML map of flag names without dashes' server --config "$folder/list.yaml"
printf 'https-listen-port: many\n' >"$folder/value.yaml"
expect '"many" is not a whole number' server --config "$folder/value.yaml"

alone=(server --disable-agent --bind-address 127.0.0.1 --https-listen-port 16454 --node-name wrong --write-kubeconfig "$folder/kubeconfig" --config "$folder/none")
python3 -c 'import socket,time; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1",16454)); s.listen(); open("'"$folder"'/listens","w").close(); time.sleep(120)' &
listener=$!
until [ -e "$folder/listens" ]; do sleep 0.05; done
expect '127.0.0.1:16454 is in use; is K3s or another Bramble running?' "${alone[@]}" --data-dir "$folder/data"
kill "$listener" && wait "$listener" 2>/dev/null
listener=
expect '--kube-controller-manager-arg: node-monitor-grace-period="soon" is no duration' "${alone[@]}" --data-dir "$folder/data" --kube-controller-manager-arg node-monitor-grace-period=soon
expect '--token is not the token this server was made with' "${alone[@]}" --data-dir "$folder/data" --token other
expect '--write-kubeconfig-group: there is no group "nobodies"' "${alone[@]}" --data-dir "$folder/data" --write-kubeconfig-group nobodies
: >"$folder/file"
expect "$folder/file" "${alone[@]}" --data-dir "$folder/file"
exit $bad
