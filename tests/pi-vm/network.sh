#!/bin/bash
# network.sh BINARY >docs/pi-vm-network.md: what the pod network needs a real kernel for, on two VMs: the VXLAN link keeps its address beside udev, a VLAN
# interface as --flannel-iface, wireguard-native, and the change from one to the other.
# Slow, about 20 minutes. Environment: PI_VM_KEEP=1 leaves the VMs running.
set -euo pipefail
binary=$(realpath "${1:?network.sh BINARY (packaging/publish.sh linux-arm64 makes it)}")
cd "$(dirname "$0")"; . ./env.sh; . ./page.sh
token=a-token-of-this-test

# Both pods answer with their node's name.
pods() { printf '%s\n' 'apiVersion: apps/v1' 'kind: DaemonSet' 'metadata: { name: echo, namespace: default }' 'spec:' '  selector: { matchLabels: { app: echo } }' '  template:' \
    '    metadata: { labels: { app: echo } }' '    spec:' '      terminationGracePeriodSeconds: 1' '      containers:' '      - name: echo' '        image: docker.io/library/busybox:pi-vm' \
    '        imagePullPolicy: Never' '        env: [{ name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }]' \
    '        command: [sh, -c, "echo from $NODE >/tmp/index.html; dd if=/dev/urandom of=/tmp/big bs=1M count=8 2>/dev/null; exec httpd -f -p 8080 -h /tmp"]'; }
pod_on() { on pi1 "$kubectl get pods -n default -l app=echo --field-selector spec.nodeName=$1 -o jsonpath='{.items[0].$2}'"; }
both_ready() {
    until_true pi1 600 "[ \$($kubectl get nodes --no-headers | grep -cw Ready) = 2 ]"
    until_true pi1 600 "[ \$($kubectl get pods -n default -l app=echo --no-headers | grep -c '1/1 *Running') = 2 ]"
    show_on pi1 "$kubectl get nodes,pods -o wide"
}
# Small answers and 8 MB (fragments and a wrong MTU show there), both ways.
across() {
    local from to link=$1
    for from in pi1 pi2; do
        [ $from = pi1 ] && to=pi2 || to=pi1
        show_on pi1 "$kubectl exec -n default $(pod_on $from metadata.name) -- wget -qO- -T 60 http://$(pod_on $to status.podIP):8080/"
        show_on pi1 "$kubectl exec -n default $(pod_on $from metadata.name) -- sh -c 'wget -qO- -T 120 http://$(pod_on $to status.podIP):8080/big | wc -c'"
    done
    show_on pi2 "ip -s link show $link | sed -n '1p;3,6p'"
}
# The address that the link has is the one that the other node was told.
address_kept() {
    local vm
    for vm in pi1 pi2; do
        on $vm 'udevadm settle'
        same "$(on $vm 'cat /sys/class/net/flannel.1/address')" "$(on pi1 "$kubectl get node $vm -o jsonpath='{.metadata.annotations.flannel\\.alpha\\.coreos\\.com/backend-data}'" | grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}')" "address of flannel.1 on $vm"
    done
}

./down.sh --wipe pi1 >&2; ./down.sh --wipe pi2 >&2
stage "$binary"
repository socat libwrap0 libreadline8t64 readline-common
pods >"$stage/echo.yaml"
cat >"$stage/sctp.yaml" <<'YAML'
apiVersion: v1
kind: Service
metadata: { name: associations, namespace: default }
spec:
  clusterIP: 10.43.9.9
  ports: [{ name: hello, port: 99, protocol: SCTP }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: associations-1, namespace: default, labels: { kubernetes.io/service-name: associations } }
addressType: IPv4
ports: [{ name: hello, port: 9999, protocol: SCTP }]
endpoints: [{ addresses: [192.168.77.12], conditions: { ready: true } }]
YAML
./up.sh pi1 >&2 & first=$!
./up.sh pi2 >&2; wait $first
cat <<'HEAD'
# Two emulated Raspberry Pis and their pod network

Written by `tests/pi-vm/network.sh` (two VMs as in docs/pi-vm.md on one Ethernet segment): what needs a kernel with VLANs and wireguard and a running udev.
HEAD
section 'A VLAN on both, and nothing else between them for pods'
for vm in pi1 pi2; do
    show_on $vm "modprobe 8021q && ip link add link eth1 name eth1.10 type vlan id 10 && ip addr add 10.77.10.1${vm#pi}/24 dev eth1.10 && ip link set eth1.10 up && ip -brief addr show"
done
section 'VXLAN over the VLAN'
show_on pi1 "cd /host/bramble && K3S_TOKEN=$token ./install.sh --binary ./bramble-linux-arm64 --node-ip 192.168.77.11 --flannel-iface eth1.10"
show_on pi2 "cd /host/bramble && K3S_URL=https://192.168.77.11:6443 K3S_TOKEN=$token ./install.sh --binary ./bramble-linux-arm64 --node-ip 192.168.77.12 --flannel-iface eth1.10"
for vm in pi1 pi2; do show_on $vm 'k3s ctr images import /host/busybox.tar'; done
show_on pi1 "$kubectl apply -f /host/bramble/echo.yaml"
both_ready
show_on pi1 'ip -d link show flannel.1; cat /sys/class/net/flannel.1/addr_assign_type; bridge fdb show dev flannel.1; ip route show dev flannel.1'
show_on pi1 "$kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.metadata.annotations.flannel\\.alpha\\.coreos\\.com/public-ip} {.metadata.annotations.flannel\\.alpha\\.coreos\\.com/backend-data}{\"\\n\"}{end}'"
on pi1 'ip -d link show flannel.1 | grep -q "dev eth1.10"' || fail 'the overlay does not go over the VLAN'
on pi1 'bridge fdb show dev flannel.1 | grep -q "dst 10.77.10.12"' || fail 'the other node is not reached over the VLAN'
address_kept
across flannel.1
section 'The link keeps its address: udev has nothing to say'
show_on pi1 'udevadm trigger --action=add /sys/class/net/flannel.1 && udevadm settle && cat /sys/class/net/flannel.1/address'
address_kept
section 'A Service of SCTP'
for vm in pi1 pi2; do
    use_repository $vm
    on $vm 'DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 install socat' >&2
done
on pi2 'systemd-run -q --unit=hello socat SCTP-LISTEN:9999,fork SYSTEM:"echo an association with pi2"'
show_on pi1 "$kubectl apply -f /host/bramble/sctp.yaml && $kubectl get service associations"
until_true pi1 60 'socat -u -T 30 SCTP:10.43.9.9:99 -'
for vm in pi1 pi2; do show_on $vm 'socat -u -T 30 SCTP:10.43.9.9:99 -'; done
section 'wireguard-native instead'
show_on pi1 "cd /host/bramble && K3S_TOKEN=$token ./install.sh --binary ./bramble-linux-arm64 --node-ip 192.168.77.11 --flannel-iface eth1.10 --flannel-backend wireguard-native"
show_on pi2 'systemctl restart k3s-agent'
both_ready
until_true pi1 300 'ip route show | grep -q "dev flannel-wg"'
until_true pi2 300 'ip route show | grep -q "dev flannel-wg"'
show_on pi1 'ip -d link show flannel-wg; ip route show dev flannel-wg; ! ip -brief link show flannel.1 2>&1'
show_on pi1 "$kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.metadata.annotations.flannel\\.alpha\\.coreos\\.com/backend-type} {.metadata.annotations.flannel\\.alpha\\.coreos\\.com/backend-data}{\"\\n\"}{end}'"
across flannel-wg
section 'Reboot of the agent: the tunnel is there again'
printf '    pi2# reboot\n'
PI_VM_DOWN_TIMEOUT=300 ./down.sh pi2 >&2; ./up.sh pi2 >&2
show_on pi2 'ip link add link eth1 name eth1.10 type vlan id 10 && ip addr add 10.77.10.12/24 dev eth1.10 && ip link set eth1.10 up'
both_ready
across flannel-wg
section 'Uninstall leaves nothing'
for pair in pi2:k3s-agent-uninstall.sh pi1:k3s-uninstall.sh; do
    show_on ${pair%:*} "${pair#*:} && ip -brief link && nft list ruleset"
    on ${pair%:*} '! ip link show flannel-wg 2>/dev/null && ! ip link show cni0 2>/dev/null && [ -z "$(nft list ruleset)" ]' || fail 'the uninstallation left something'
done
[ -n "${PI_VM_KEEP:-}" ] || { ./down.sh pi2 >&2; ./down.sh pi1 >&2; }
