#!/bin/bash
# A machine with everything that Bramble leaves behind, then k3s-killall.sh. Prints what is left; the test knows what may be.
# Runs in namespaces of its own: unshare --pid --net --mount --uts --fork --mount-proc bash killall-leaves-nothing.sh <packaging folder>
set -eu
packaging=$1
for dir in /run /var/lib /sys/fs/cgroup /mnt; do
    mkdir -p "$dir"
    mount -t tmpfs none "$dir"
done
export K3S_DATA_DIR=/mnt/k3s

mkdir -p $K3S_DATA_DIR/agent/containerd $K3S_DATA_DIR/server "/run/k3s/a b" /run/k3s/rootfs /var/lib/kubelet/pods/p/vol /run/netns /run/flannel
mkdir -p /sys/fs/cgroup/memory/kubepods/besteffort/pod1/c /sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice /sys/fs/cgroup/memory/other
for dir in "/run/k3s/a b" /run/k3s/rootfs /var/lib/kubelet/pods/p/vol; do mount -t tmpfs none "$dir"; done
touch /run/netns/cni-1 /run/netns/mine
mount --bind /proc/self/ns/net /run/netns/cni-1

ip link set lo up
ip link add cni0 type bridge
ip link add veth1 type veth peer name peer1
ip link set veth1 master cni0
ip link add flannel.1 type bridge
ip link add other type bridge
ip route add 10.43.0.0/16 dev lo proto 77
ip route add 10.99.0.0/16 dev lo

nft -f - <<'RULES'
table ip bramble { }
table ip bramble-policy { }
table ip6 bramble { }
table inet mine {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ip daddr 10.42.0.0/16 counter accept comment "bramble"
    ip daddr 198.51.100.5 accept comment "keep"
  }
}
RULES

(exec -a "containerd -c $K3S_DATA_DIR/agent/etc/containerd/config.toml" sleep 1001) &
bash -c '(exec -a a-container sleep 1002) & exec -a "containerd-shim-runc-v2 -namespace k8s.io -address /run/k3s/containerd/containerd.sock" sleep 1003' &
(exec -a "containerd-shim-runc-v2 -namespace moby -address /run/containerd/containerd.sock" sleep 1004) &
docker=$!
(exec -a "$K3S_DATA_DIR/agent/socket-holder ingress-ipv4-80" sleep 1005) &
while [ "$(ps -eo args | grep -c '100[1-5]$')" -lt 5 ]; do sleep 0.05; done
# Their deaths are not news.
disown -a

for run in 1 2; do
    sh "$packaging/k3s-killall.sh" || echo "run $run: exit code $?"
done

echo "processes: $(ps -eo args | grep '100[1-5]$' | grep -v grep | cut -d' ' -f1-3 | sort | tr '\n' ';')"
echo "mounts: $(awk '$5 ~ "^(/run/(k3s/(rootfs|a.*b)|netns/cni-1)|/var/lib/kubelet/pods/p/vol)$" { print $5 }' /proc/self/mountinfo | tr '\n' ';')"
echo "links: $(ip -o link | sed 's/^[0-9]*: \([^@:]*\).*/\1/' | sort | tr '\n' ';')"
echo "routes: $(ip route show table main | cut -d' ' -f1 | tr '\n' ';')"
echo "rules: $(nft list ruleset | grep -E 'table|comment' | tr -d '\t' | tr '\n' ';')"
echo "cgroups: $(find /sys/fs/cgroup -mindepth 1 -type d | tr '\n' ';')"
echo "files: $(find /run /var/lib -mindepth 1 -not -path '/run/mount*' | sort | tr '\n' ';')"
echo "data: $(ls $K3S_DATA_DIR | tr '\n' ';')"
kill -9 $docker
