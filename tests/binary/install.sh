#!/bin/bash
# install.sh BRAMBLE: the installer on a test host without systemd: what it refuses, what K3s' variables do, a missing memory cgroup, building as the
# calling user; then an installation, an upgrade in place, k3s-killall.sh and k3s-uninstall.sh, which leave nothing.
# BRAMBLE_INSTALL_HOST and BRAMBLE_INSTALL_NUMBER name another host. Prints what is not as it should be and ends with 1.
set -uo pipefail
bramble=$(realpath "$1")
top=$(cd "$(dirname "$0")/../.." && pwd)
name=${BRAMBLE_INSTALL_HOST:-install} number=${BRAMBLE_INSTALL_NUMBER:-240}
image=${BRAMBLE_BUSYBOX_IMAGE:-$top/artifacts/images/busybox.tar}
bad=0
host() { "$top/tests/hosts/host.sh" "$@"; }
# A line of shell in the host. Files that it makes below /opt and /usr/local are the host's own.
in_host() { host exec "$name" bash -c "cd $top; $1" </dev/null; }
fail() { echo "install: $*"; bad=1; }
# expect WORDS STATUS LINE: the line ends with the status and says the words.
expect() {
    local words=$1 status=$2 output got
    output=$(in_host "$3" 2>&1); got=$?
    { [ $got = "$status" ] && [[ $output == *"$words"* ]]; } || fail "$3: status $got, said: $output (wanted status $status and \"$words\")"
}
holds() { in_host "$1" >/dev/null 2>&1 || fail "not so: $1"; }

host down "$name" >/dev/null 2>&1
host up "$name" "$number" || { echo "install: no test host"; exit 1; }
trap 'host down "$name"; rm -f /var/log/k3s.log /var/log/k3s-other.log' EXIT
in_host "cp $bramble /opt/bramble; hash -r"

# ---- what it refuses, each with cause and fix -----------------------------------------------------------------------------
expect 'K3S_URL must begin with https:// (is: http://a:6443)' 1 'K3S_URL=http://a:6443 K3S_TOKEN=x ./install.sh'
expect 'an agent needs K3S_TOKEN or K3S_TOKEN_FILE' 1 'K3S_URL=https://a:6443 ./install.sh'
expect 'must begin with server, agent or a flag, not "serve"' 1 'INSTALL_K3S_EXEC="serve --debug" ./install.sh'
expect 'a quote without its other half' 1 "INSTALL_K3S_EXEC=\"server --node-label 'a\" ./install.sh"
expect 'this is v1.36.2+k3s1; for v1.30.0+k3s1 check out the matching release' 1 'INSTALL_K3S_VERSION=v1.30.0+k3s1 ./install.sh'
expect '--binary: /nowhere does not exist' 1 './install.sh --binary /nowhere'
expect 'does not run on this machine' 1 'echo x >/opt/broken; ./install.sh --binary /opt/broken'
expect 'there is no /usr/local/bin/bramble' 1 'INSTALL_K3S_SKIP_DOWNLOAD=true ./install.sh'
# A machine that cannot carry the link, and one without the SDK; the hint names the way round.
expect 'has 976 MB of RAM and swap; compiling needs 3500' 1 'printf "MemTotal: 900000 kB\nSwapTotal: 100000 kB\n" >/opt/meminfo; mount --bind /opt/meminfo /proc/meminfo; ./install.sh; status=$?; umount /proc/meminfo; exit $status'
expect 'packaging/publish.sh linux-' 1 'mkdir -p /opt/nothing; for folder in /usr/share/dotnet /usr/lib/dotnet; do [ ! -d $folder ] || mount --bind /opt/nothing $folder; done; ./install.sh; status=$?; umount /usr/share/dotnet /usr/lib/dotnet 2>/dev/null; exit $status'
holds '[ ! -e /usr/local/bin/bramble ] && [ ! -e /etc/systemd/system/k3s.service ]'

# ---- it builds as the calling user, with his SDK, which sudo hides ---------------------------------------------------------
in_host 'useradd -m -d /opt/pi pi && mkdir -p /opt/pi/.dotnet /opt/tree/packaging && cp install.sh /opt/tree/ && cp packaging/*.sh /opt/tree/packaging/ && chown -R pi /opt/tree
printf "#!/bin/sh\n[ \"\$1\" != --list-sdks ] || { echo 10.0.100 [/x]; exit 0; }\nwhile [ \$# -gt 1 ]; do [ \"\$1\" != -o ] || out=\$2; shift; done\nmkdir -p \$out && cp /opt/bramble \$out/bramble && id -un >/opt/tree/built-by\n" >/opt/pi/.dotnet/dotnet; chmod +x /opt/pi/.dotnet/dotnet'
expect 'as pi (some minutes' 0 'mkdir -p /opt/nothing; mount --bind /opt/nothing /usr/share/dotnet 2>/dev/null; SUDO_USER=pi PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin INSTALL_K3S_SKIP_START=true /opt/tree/install.sh; status=$?; umount /usr/share/dotnet 2>/dev/null; exit $status'
holds '[ "$(cat /opt/tree/built-by)" = pi ] && cmp /opt/bramble /usr/local/bin/bramble && [ "$(stat -c %U:%a /usr/local/bin/bramble)" = root:755 ]'
in_host 'k3s-uninstall.sh' >/dev/null 2>&1

# ---- no memory cgroup: Raspberry Pi OS' first boot -------------------------------------------------------------------------
in_host 'mount -t tmpfs boot /boot && mkdir /boot/firmware && printf "console=tty1 root=PARTUUID=1 rootwait\n" >/boot/firmware/cmdline.txt
sed "s/^\(memory\t.*\t\)1$/\10/" /proc/cgroups >/opt/cgroups && mount --bind /opt/cgroups /proc/cgroups'
expect 'or run ./install.sh --yes' 1 './install.sh --binary /opt/bramble'
holds '[ "$(cat /boot/firmware/cmdline.txt)" = "console=tty1 root=PARTUUID=1 rootwait" ]'
# At a terminal it asks; no is no.
asked() { printf '%s' "printf \"$1\\n\" | script -qec \"./install.sh --binary /opt/bramble\" /dev/null"; }
expect 'nothing was changed' 1 "$(asked n)"
holds '[ "$(cat /boot/firmware/cmdline.txt)" = "console=tty1 root=PARTUUID=1 rootwait" ] && [ ! -e /boot/firmware/cmdline.txt.before-bramble ]'
expect 'A copy is kept. [Y/n]' 0 "$(asked y)"
holds 'grep -qx "console=tty1 root=PARTUUID=1 rootwait cgroup_enable=memory cgroup_memory=1" /boot/firmware/cmdline.txt && mv /boot/firmware/cmdline.txt.before-bramble /boot/firmware/cmdline.txt'
expect 'Reboot now' 0 './install.sh --binary /opt/bramble --yes'
holds '[ "$(cat /boot/firmware/cmdline.txt)" = "console=tty1 root=PARTUUID=1 rootwait cgroup_enable=memory cgroup_memory=1" ]'
holds '[ "$(cat /boot/firmware/cmdline.txt.before-bramble)" = "console=tty1 root=PARTUUID=1 rootwait" ]'
expect 'Reboot now' 0 './install.sh --binary /opt/bramble'
holds '[ "$(grep -o cgroup_enable=memory /boot/firmware/cmdline.txt | wc -l)" = 1 ] && [ ! -e /run/k3s/k3s.pid ]'
expect 'the kernel'"'"'s memory cgroup is off: add "cgroup_enable=memory' 2 'k3s server'
in_host 'umount /proc/cgroups /boot; k3s-uninstall.sh' >/dev/null 2>&1

# ---- K3s' variables ----------------------------------------------------------------------------------------------------------
expect 'Installed, not started' 0 'K3S_TOKEN="it'"'"'s" K3S_NODE_NAME=n INSTALL_K3S_SKIP_ENABLE=true INSTALL_K3S_SYMLINK=force INSTALL_K3S_NAME=other INSTALL_K3S_BIN_DIR=/opt/b INSTALL_K3S_SYSTEMD_DIR=/opt/units INSTALL_K3S_TYPE=exec INSTALL_K3S_EXEC="--node-label '"'a=b c'"'" ./install.sh --binary /opt/bramble --kubelet-arg "x=100%\$HOME" --data-dir /opt/data'
holds '[ "$(readlink /opt/b/k3s /opt/b/kubectl /opt/b/ctr /opt/b/crictl | sort -u)" = bramble ]'
holds 'grep -qx "Type=exec" /opt/units/k3s-other.service && grep -qx "KillMode=process" /opt/units/k3s-other.service && grep -qx "Delegate=yes" /opt/units/k3s-other.service'
started=$(in_host 'sed -n "/^ExecStart=/,\$p" /opt/units/k3s-other.service' | tr -d '\\\n' | tr -s ' ')
[ "$started" = "ExecStart=/opt/b/k3s 'server' '--node-label' 'a=b c' '--kubelet-arg' 'x=100%%\$\$HOME' '--data-dir' '/opt/data'" ] || fail "ExecStart: $started"
holds '[ "$(stat -c %a /opt/units/k3s-other.service.env)" = 600 ] && (. /opt/units/k3s-other.service.env && [ "$K3S_TOKEN $K3S_NODE_NAME" = "it'"'"'s n" ])'
holds 'grep -q "DATA_DIR=.*/opt/data" /opt/b/k3s-other-uninstall.sh /opt/b/k3s-killall.sh && [ ! -e /usr/local/bin/k3s ]'
expect '' 0 'mkdir -p /opt/data/x; /opt/b/k3s-other-uninstall.sh'
holds '[ -z "$(ls -A /opt/b /opt/units)" ] 2>/dev/null || [ "$(ls -A /opt/b /opt/units | grep -c .)" -le 3 ] && [ ! -e /opt/data ]'

# ---- packages: nothing is ever removed; a containerd of any vendor is used ----------------------------------------------------
in_host 'mkdir -p /opt/layer && mount -t tmpfs layer /opt/layer && mkdir /opt/layer/up /opt/layer/work && mount -t overlay -o lowerdir=/usr/bin,upperdir=/opt/layer/up,workdir=/opt/layer/work bin /usr/bin && cp /usr/bin/containerd /usr/bin/ctr /opt/ && rm /usr/bin/containerd
printf "#!/bin/sh\necho \"\$*\" >>/opt/apt.log\ncase \"\$*\" in *containerd*) cp /opt/containerd /usr/bin/containerd ;; esac\n" >/usr/local/bin/apt-get; chmod +x /usr/local/bin/apt-get'
expect 'Installing containerd' 0 'INSTALL_K3S_SKIP_START=true ./install.sh --binary /opt/bramble'
holds '[ "$(cat /opt/apt.log)" = "-qq -y -o Dpkg::Use-Pty=0 install --no-remove --no-install-recommends containerd" ]'
in_host 'rm /opt/apt.log /usr/bin/containerd; mv /opt/containerd /usr/local/bin/containerd'
expect 'Installed, not started' 0 'INSTALL_K3S_SKIP_START=true ./install.sh --binary /opt/bramble'
holds '[ ! -e /opt/apt.log ]'
in_host 'rm /usr/local/bin/containerd /usr/local/bin/apt-get; umount -l /usr/bin /opt/layer; k3s-uninstall.sh' >/dev/null 2>&1

# ---- install, upgrade in place, killall, uninstall ------------------------------------------------------------------------------
before=$(in_host 'ip -brief link; ip route; nft list ruleset; awk "{print \$5}" /proc/self/mountinfo | sort; find /sys/fs/cgroup -type d -not -path '*/bramble-hosts*' | sort; ls -A /usr/local/bin /etc/systemd/system /etc /run /opt')
in_host "mkdir -p /var/lib/rancher/k3s/agent/images && cp $image /var/lib/rancher/k3s/agent/images/"
expect 'Ready    control-plane' 0 './install.sh --binary /opt/bramble'
holds '[ "$(stat -c %a /etc/rancher/k3s/k3s.yaml)" = 600 ] && [ -s /var/lib/rancher/k3s/server/node-token ] && kill -0 $(cat /run/k3s/k3s.pid)'
in_host 'k3s kubectl create deployment web --image=docker.io/library/busybox:1 --replicas=2 -- sh -c "httpd -f -p 8080" && k3s kubectl rollout status deployment/web --timeout=120s' >/dev/null || fail 'the Deployment does not run'
ids() { in_host "k3s kubectl get pods -o jsonpath='{range .items[*]}{.status.containerStatuses[0].containerID}{\"\\n\"}{end}' | sort"; }
first=$(ids)
[ "$(wc -l <<<"$first")" = 2 ] || fail "two containers were expected: $first"
expect 'Nothing changed; the server goes on.' 0 './install.sh --binary /opt/bramble'
pid=$(in_host 'cat /run/k3s/k3s.pid')
expect 'Ready    control-plane' 0 'INSTALL_K3S_EXEC="--node-label upgraded=yes" ./install.sh --binary /opt/bramble'
[ "$pid" != "$(in_host 'cat /run/k3s/k3s.pid')" ] || fail 'a changed command line did not restart the server'
[ "$first" = "$(ids)" ] || fail "an upgrade changed the containers: $first to $(ids)"
# Stop as the installer says: pods go on.
holds 'kill $(cat /run/k3s/k3s.pid); while kill -0 $(cat /run/k3s/k3s.pid) 2>/dev/null; do sleep 0.1; done; pgrep -x httpd'
expect 'Ready    control-plane' 0 'INSTALL_K3S_EXEC="--node-label upgraded=yes" ./install.sh --binary /opt/bramble'
[ "$first" = "$(ids)" ] || fail "a stop and start changed the containers: $first to $(ids)"
# A server that cannot start says why in one line.
expect 'the server ended: bramble: --token is not the token' 1 'K3S_TOKEN=wrong ./install.sh --binary /opt/bramble'
# The brackets: a pattern must not find the shell that looks for it.
holds 'pgrep -f "agent/socket-[h]older"'
expect '' 0 'k3s-killall.sh'
holds '! pgrep -f "agent/socket-[h]older"'
holds '! pgrep -x "httpd|containerd.*|k3s|bramble" && [ -e /var/lib/rancher/k3s/server/node-token ] && [ -x /usr/local/bin/k3s ]'
expect '' 0 'k3s-uninstall.sh'
after=$(in_host 'rm -rf /etc/rancher; ip -brief link; ip route; nft list ruleset; awk "{print \$5}" /proc/self/mountinfo | sort; find /sys/fs/cgroup -type d -not -path '*/bramble-hosts*' | sort; ls -A /usr/local/bin /etc/systemd/system /etc /run /opt')
left=$(diff <(echo "$before") <(echo "$after")) || fail "the uninstallation left: $left"
holds '! pgrep -x "containerd.*|k3s|bramble" && [ ! -e /var/lib/rancher/k3s ] && [ -z "$(ls -A /var/lib/kubelet)" ] && [ ! -e /var/log/k3s.log ]'
exit $bad
