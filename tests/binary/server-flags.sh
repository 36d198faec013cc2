#!/bin/bash
# server-flags.sh BRAMBLE: K3s' flags, config file, drop-ins and variables do what they say, seen on a test host's node.
# BRAMBLE_FLAGS_HOST and BRAMBLE_FLAGS_NUMBER name another host. Prints what is not as it should be and ends with 1.
set -uo pipefail
bramble=$(realpath "$1")
top=$(cd "$(dirname "$0")/../.." && pwd)
name=${BRAMBLE_FLAGS_HOST:-flags} number=${BRAMBLE_FLAGS_NUMBER:-241}
address=10.201.0.$number
bad=0
host() { "$top/tests/hosts/host.sh" "$@"; }
in_host() { host exec "$name" bash -c "$1" </dev/null; }
kubectl() { in_host "KUBECONFIG=/opt/kubeconfig $bramble kubectl $1"; }
# is WHAT EXPECTED GOT
is() { [ "$2" = "$3" ] || { echo "server-flags: $1: \"$3\", expected \"$2\""; bad=1; }; }

host down "$name" >/dev/null 2>&1
host up "$name" "$number" || { echo "server-flags: no test host"; exit 1; }
trap 'host down "$name"' EXIT
in_host 'mkdir -p /etc/rancher/k3s/config.yaml.d
printf "node-label: [from=main]\nnode-name: wrong\nservice-node-port-range: 30000-30010\n" >/etc/rancher/k3s/config.yaml
printf "node-label+:\n- more=added\nnode-name: right\n" >/etc/rancher/k3s/config.yaml.d/10.yaml
printf "node-taint: no=no:NoSchedule\n" >/etc/rancher/k3s/config.yaml.d/20.txt'
in_host "K3S_KUBECONFIG_MODE=640 K3S_TOKEN=from-the-variable setsid $bramble server --data-dir /opt/data --https-listen-port 7443 --bind-address $address --advertise-address $address --node-ip $address \
    --node-label line=yes --node-taint only=this:PreferNoSchedule --write-kubeconfig /opt/kubeconfig --write-kubeconfig-group daemon --tls-san bramble.example,192.0.2.7 \
    --cluster-cidr 10.52.0.0/16 --service-cidr 10.53.0.0/16 --cluster-dns 10.53.0.53 --cluster-domain home.arpa --disable servicelb,traefik --flannel-backend host-gw \
    --kubelet-arg max-pods=42 --kube-apiserver-arg anonymous-auth=true --kube-apiserver-arg=api-audiences=here --kube-controller-manager-arg node-cidr-mask-size=25 >/opt/log 2>&1 </dev/null & echo \$! >/opt/pid"
for _ in $(seq 300); do
    kubectl 'get nodes' 2>/dev/null | grep -qw Ready && break
    in_host 'kill -0 $(cat /opt/pid)' 2>/dev/null || break
    sleep 0.2
done
kubectl 'get nodes' 2>/dev/null | grep -qw Ready || { in_host 'tail -n 20 /opt/log'; exit 1; }
field() { kubectl "get node right -o jsonpath='{$1}'" 2>&1; }
is 'labels of file, drop-in and line' 'main added yes' "$(field .metadata.labels.from) $(field .metadata.labels.more) $(field .metadata.labels.line)"
is 'taint' 'only=this:PreferNoSchedule' "$(field '.spec.taints[?(@.key=="only")].key')=$(field '.spec.taints[?(@.key=="only")].value'):$(field '.spec.taints[?(@.key=="only")].effect')"
is 'node-ip' "$address" "$(field '.status.addresses[?(@.type=="InternalIP")].address')"
is 'max-pods' 42 "$(field .status.capacity.pods)"
is 'pod range with its mask' '10.52.0.0/25' "$(field .spec.podCIDR)"
is 'service range' 10.53.0.1 "$(kubectl "get service kubernetes -n default -o jsonpath='{.spec.clusterIP}'")"
is 'advertised' "$address:7443" "$(kubectl "get endpoints kubernetes -n default -o jsonpath='{.subsets[0].addresses[0].ip}:{.subsets[0].ports[0].port}'" 2>/dev/null)"
is 'kubeconfig: mode, group, link' '640 daemon /opt/kubeconfig' "$(in_host 'stat -c "%a %G" /opt/kubeconfig; readlink /etc/rancher/k3s/k3s.yaml' | tr '\n' ' ' | sed 's/ $//')"
is 'kubeconfig: server' "https://$address:7443" "$(in_host 'sed -n "s/.*server: //p" /opt/kubeconfig')"
is 'token' '::server:from-the-variable' "$(in_host 'grep -o "::.*" /opt/data/server/node-token')"
is 'anonymous request' 200 "$(in_host "curl -sk -o /dev/null -w '%{http_code}' https://$address:7443/version")"
is 'on the loopback too' 200 "$(in_host "curl -sk -o /dev/null -w '%{http_code}' https://127.0.0.1:7443/version")"
certificate=$(in_host "echo | openssl s_client -connect $address:7443 2>/dev/null | openssl x509 -noout -ext subjectAltName -startdate")
[[ $certificate == *DNS:bramble.example* && $certificate == *192.0.2.7* && $certificate == *kubernetes.default.svc.home.arpa* ]] || is 'names of the certificate' 'bramble.example, 192.0.2.7, kubernetes.default.svc.home.arpa' "$certificate"
since=$(date -d "$(sed -n 's/notBefore=//p' <<<"$certificate")" +%s)
[ $(($(date +%s) - since)) -ge 3500 ] || is 'certificates are backdated' 'an hour' "$(($(date +%s) - since)) s"
is 'NodePorts' 'The range of valid ports is 30000-30010' "$(printf 'apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: default}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 30500}]}\n' | host exec "$name" env KUBECONFIG=/opt/kubeconfig "$bramble" kubectl apply -f - 2>&1 | grep -o 'The range of valid ports is [0-9-]*')"
# Stop by SIGTERM: clean, said, and at once.
in_host 'kill $(cat /opt/pid); while kill -0 $(cat /opt/pid) 2>/dev/null; do sleep 0.1; done'
in_host 'tail -n 1 /opt/log' | grep -q 'Stopping; pods go on running' || is 'a clean stop' 'Stopping; pods go on running' "$(in_host 'tail -n 1 /opt/log')"
exit $bad
