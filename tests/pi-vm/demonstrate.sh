#!/bin/bash
# demonstrate.sh BINARY >docs/pi-vm.md: the linux-arm64 binary on the VM, from install.sh on a fresh disk, as Raspberry Pi OS is delivered (no memory cgroup, no
# containerd), to a reboot, the uninstallation, and a second installation beside a vendor's containerd.
# What it does and what was answered goes to standard output as a page; the first thing that is not as it should be ends it with an error.
# Slow (a vCPU is many times slower than a Pi's core): about 15 minutes. Environment: PI_VM_KEEP=1 leaves the VM running.
set -euo pipefail
binary=$(realpath "${1:?demonstrate.sh BINARY (packaging/publish.sh linux-arm64 makes it)}")
cd "$(dirname "$0")"; . ./env.sh; . ./page.sh
vm=${PI_VM_NAME:-pi1}
in_vm() { on "$vm" "$1"; }
show() { show_on "$vm" "$1"; }
containers() { in_vm "$kubectl get pods -n default -o jsonpath='{range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID}{\"\\n\"}{end}' | sort"; }
limits() { in_vm "cd /sys/fs/cgroup/kubepods.slice && for f in \$(find . -path '*-pod*.slice/memory.max' -o -path '*-pod*.slice/cpu.max' | grep -v cri-containerd | sort); do echo \"\$f: \$(cat \$f)\"; done"; }

# The VM has no firmware that reads cmdline.txt: where that file asks for the memory cgroup, the next start is without the word that takes it away. As on a
# Pi, whose device tree says cgroup_disable=memory.
start() {
    local append='cgroup_disable=memory'
    [ "${1:-}" = fresh ] || ! grep -qw 'cgroup_enable=memory' <<<"$(in_vm 'cat /boot/firmware/cmdline.txt')" || append=
    [ "${1:-}" = fresh ] || { printf '    # reboot\n'; PI_VM_DOWN_TIMEOUT=300 ./down.sh "$vm" >&2; }
    PI_VM_APPEND=$append ./up.sh "$vm" >&2
}
# A vendor's package as Docker's containerd.io is: containerd and runc in one, in the way of Debian's own, its service enabled, CRI switched off. (Docker's own
# file is not among Debian's packages; names, relations and configuration are as in theirs, the programs are Debian's.)
vendor_package() {
    local root=$PI_VM_DIR/packages/containerd.io
    mkdir -p "$root/DEBIAN" "$root/etc/containerd"
    dpkg-deb -x "$stage"/packages/containerd_*.deb "$root" && dpkg-deb -x "$stage"/packages/runc_*.deb "$root"
    mkdir -p "$root/usr/bin" && mv "$root/usr/sbin/runc" "$root/usr/bin/runc" && rm -rf "$root/usr/share" "$root/usr/sbin"
    echo 'disabled_plugins = ["cri"]' >"$root/etc/containerd/config.toml"
    cat >"$root/DEBIAN/control" <<'CONTROL'
Package: containerd.io
Version: 1.7.24-1
Architecture: arm64
Maintainer: Bramble's tests <tests@bramble.invalid>
Provides: containerd, runc
Conflicts: containerd, runc
Replaces: containerd, runc
Description: stand-in for a vendor's containerd
CONTROL
    printf '#!/bin/sh\nsystemctl daemon-reload && systemctl enable --now containerd.service\n' >"$root/DEBIAN/postinst"
    chmod 0755 "$root/DEBIAN/postinst"
    dpkg-deb --root-owner-group -b "$root" "$stage/packages/containerd.io_1.7.24-1_arm64.deb" >&2
}

./down.sh --wipe "$vm" >&2
stage "$binary"
cat >"$stage/web.yaml" <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: default }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: docker.io/library/busybox:pi-vm
        imagePullPolicy: Never
        command: [sh, -c, 'hostname >/tmp/index.html; exec httpd -f -p 8080 -h /tmp']
        ports: [{ containerPort: 8080 }]
        resources: { requests: { cpu: 100m, memory: 32Mi }, limits: { cpu: 500m, memory: 64Mi } }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]
YAML
repository containerd runc containernetworking-plugins nftables
vendor_package
index_repository
start fresh

cat <<'HEAD'
# Bramble on an emulated Raspberry Pi 4

Written by `tests/pi-vm/demonstrate.sh` (2 emulated Cortex-A72, 2 GB, Debian 13, systemd, cgroup v2, containerd 1.7). The emulator is many times slower than a
board: times say nothing, memory figures do.
HEAD
section 'The machine'
show 'uname -srm; . /etc/os-release; echo "$PRETTY_NAME"; systemctl --version | head -n 1; containerd --version | cut -d" " -f3; stat -fc %T /sys/fs/cgroup'

section 'As Raspberry Pi OS is delivered'
use_repository "$vm"
in_vm 'export DEBIAN_FRONTEND=noninteractive; apt-get -qq -y purge containerd runc containernetworking-plugins nftables >/dev/null 2>&1
    mkdir -p /boot/firmware; echo "console=tty1 root=PARTUUID=1 rootwait" >/boot/firmware/cmdline.txt' >&2
show 'cat /sys/fs/cgroup/cgroup.controllers; command -v containerd runc nft || echo "no containerd, runc, nft"'

section 'Install'
show 'cd /host/bramble && ./install.sh --yes --binary ./bramble-linux-arm64'
show 'cat /boot/firmware/cmdline.txt /boot/firmware/cmdline.txt.before-bramble; systemctl is-enabled k3s; systemctl is-active k3s || true'
show 'systemctl is-enabled containerd || true; systemctl is-active containerd || true'
in_vm '! systemctl is-enabled -q containerd && ! systemctl is-active -q containerd' || fail 'the containerd that came for us has its service on'
start
until_true "$vm" 300 "$kubectl get nodes | grep -qw Ready"
show "cat /sys/fs/cgroup/cgroup.controllers; $kubectl get nodes"
in_vm '! systemctl is-active -q containerd' || fail 'the containerd that came for us was started by the reboot'
show 'systemctl is-enabled k3s bramble; systemctl is-active k3s; k3s --version; bramble version | tail -n 1'

section 'A Deployment and its Service'
show 'k3s ctr images import /host/busybox.tar'
show "$kubectl apply -f /host/bramble/web.yaml"
show "$kubectl rollout status deployment/web --timeout=300s"
show "$kubectl get deployments,pods,services -n default -o wide"
address=$(in_vm "$kubectl get service web -n default -o jsonpath='{.spec.clusterIP}'")
show "curl -sS -m 60 http://$address/; curl -sS -m 60 http://127.0.0.1:30080/"

section "Limits are slices of systemd"
show 'systemctl list-units --no-legend --plain "kubepods*.slice"'
before=$(limits)
grep -q 'memory.max: 67108864' <<<"$before" || fail "no pod has its memory limit: $before"
grep -q 'cpu.max: 50000 100000' <<<"$before" || fail "no pod has its CPU limit: $before"
show 'systemctl daemon-reload; cd /sys/fs/cgroup/kubepods.slice; grep . $(find . -path "*-pod*.slice/memory.max" -o -path "*-pod*.slice/cpu.max" | grep -v cri-containerd | sort)'
same "$before" "$(limits)" 'limits after daemon-reload'

section 'Memory and idle CPU'
sleep 30
show 'for p in $(pidof k3s bramble containerd containerd-shim-runc-v2); do printf "%-26s RSS %6d kB   PSS %6d kB\n" "$(tr "\0" " " </proc/$p/cmdline | cut -c1-25)" $(awk "/^Rss/{r=\$2} /^Pss:/{p=\$2} END{print r, p}" /proc/$p/smaps_rollup); done'
show 'p=$(systemctl show -P MainPID k3s); a=$(awk "{print \$14+\$15}" /proc/$p/stat); sleep 60; b=$(awk "{print \$14+\$15}" /proc/$p/stat); echo "bramble used $((b - a)) ticks of 10 ms in 60 s"'

section 'Restart of the service: the same containers'
ids=$(containers)
show "$kubectl get pods -n default -o jsonpath='{range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID}{\"\\n\"}{end}'"
show 'systemctl restart k3s; systemctl is-active k3s'
until_true "$vm" 300 "$kubectl get nodes | grep -qw Ready"
show "$kubectl get pods -n default -o jsonpath='{range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID}{\"\\n\"}{end}'"
same "$ids" "$(containers)" 'containers after systemctl restart k3s'
same "$before" "$(limits)" 'limits after systemctl restart k3s'
show "curl -sS -m 60 http://$address/"

section 'Installing again is an upgrade in place'
show 'cd /host/bramble && INSTALL_K3S_FORCE_RESTART=true ./install.sh --binary ./bramble-linux-arm64'
same "$ids" "$(containers)" 'containers after an upgrade'

section 'Reboot: it comes up by itself'
start
until_true "$vm" 300 "$kubectl get nodes | grep -qw Ready"
until_true "$vm" 300 "[ \$($kubectl get pods -n default --no-headers | grep -cE '^web-.* 1/1 +Running +1 ') = 2 ]"
show "uptime; $kubectl get nodes,pods -A -o wide"
until_true "$vm" 120 "curl -sSf -m 60 http://$address/"
show "curl -sS -m 60 http://$address/; curl -sS -m 60 http://127.0.0.1:30080/"
grep -q 'memory.max: 67108864' <<<"$(limits)" || fail "no pod has its memory limit after the reboot: $(limits)"

section 'Uninstall leaves nothing'
show 'k3s-uninstall.sh'
show 'ip -brief link; ip route; nft list ruleset; ls -d /sys/fs/cgroup/kubepods* /run/k3s /var/lib/kubelet /var/lib/cni /var/lib/rancher/k3s /etc/rancher/k3s /usr/local/bin/* 2>/dev/null; awk "{print \$5}" /proc/self/mountinfo | grep -E "k3s|kubelet|netns" || echo "no mounts"; systemctl list-units --no-legend --plain "k3s*" "kubepods*"; pgrep -al "containerd|k3s|bramble" || echo "no processes"'
in_vm '[ ! -e /usr/local/bin/k3s ] && [ ! -e /var/lib/rancher/k3s ] && [ ! -e /sys/fs/cgroup/kubepods.slice ] && ! ip link show cni0 2>/dev/null && [ -z "$(nft list ruleset)" ] && ! pgrep containerd' >/dev/null || fail 'the uninstallation left something'

section "A vendor's containerd"
show 'export DEBIAN_FRONTEND=noninteractive; apt-get -qq -y -o Dpkg::Use-Pty=0 purge containerd runc >/dev/null && apt-get -qq -y -o Dpkg::Use-Pty=0 install containerd.io >/dev/null && systemctl is-active containerd; cat /etc/containerd/config.toml'
vendor=$(in_vm 'systemctl show -P MainPID containerd')
show 'cd /host/bramble && ./install.sh --binary ./bramble-linux-arm64'
show 'k3s ctr images import /host/busybox.tar'
show "$kubectl apply -f /host/bramble/web.yaml"
show "$kubectl rollout status deployment/web --timeout=300s"
show 'dpkg-query -W -f "\${Package} \${db:Status-Status}\n" "containerd*" runc 2>/dev/null; systemctl is-enabled containerd; systemctl is-active containerd; ps -o pid,args -C containerd'
same "$vendor" "$(in_vm 'systemctl show -P MainPID containerd')" "the vendor's containerd"
in_vm 'systemctl is-enabled -q containerd' || fail "the vendor's containerd.service was disabled"
show 'k3s-uninstall.sh'
same "$vendor" "$(in_vm 'systemctl show -P MainPID containerd')" "the vendor's containerd after the uninstallation"
show 'systemctl is-active containerd; pgrep -al "containerd|k3s|bramble"'
[ -n "${PI_VM_KEEP:-}" ] || ./down.sh "$vm" >&2
