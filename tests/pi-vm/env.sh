# Settings that the scripts of this folder share; read by them, not run by itself.
# Every one can be set in the environment.
PI_VM_DIR="${PI_VM_DIR:-/var/tmp/pi-vm}"            # work folder: image, kernels, VMs
# The Debian mirror that this host's own apt uses
PI_VM_MIRROR="${PI_VM_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m1 'debian/\?$' || true)}"
PI_VM_SUITE="${PI_VM_SUITE:-trixie}"
PI_VM_DISK="${PI_VM_DISK:-8G}"                      # size of the disk that the VM sees (sparse)
PI_VM_QEMU="${PI_VM_QEMU:-qemu-system-aarch64}"
PI_VM_NICE="${PI_VM_NICE-nice -n 19 ionice -c3}"   # set empty for full speed

IMG="$PI_VM_DIR/base.img"
KEY="$PI_VM_DIR/key"
die() { echo "${0##*/}: $*" >&2; exit 1; }

# name -> number of the node: pi1 -> 1 (any name that ends in 1..99); the
# segment address is 192.168.77.(10+N) and the default ssh port 22010+N.
vm_number() {
  local n="${1##*[!0-9]}"; n="${n#0}"
  [[ "$n" =~ ^[1-9][0-9]?$ ]] || die "name '$1' must end in a number from 1 to 99 (pi1, pi2, ...)"
  echo "$n"
}
vm_dir() { echo "$PI_VM_DIR/vms/$1"; }
vm_alive() { local p; p=$(cat "$(vm_dir "$1")/pid" 2>/dev/null) && [ -n "$p" ] \
  && grep -aqs "qemu-system" "/proc/$p/cmdline" && kill -0 "$p" 2>/dev/null; }

# vm_ssh_opts NAME: fills the array SSH_OPTS (one connection is kept open and shared)
vm_ssh_opts() {
  local d; d=$(vm_dir "$1")
  [ -f "$d/port" ] || die "no VM '$1' (up.sh $1 starts it)"
  SSH_OPTS=(-F /dev/null -i "$KEY" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout="${PI_VM_CONNECT_TIMEOUT:-60}"
    -o ControlMaster=auto -o ControlPath="$d/ssh.ctl" -o ControlPersist=600
    -o ServerAliveInterval=15 -o ServerAliveCountMax=8)
  SSH_PORT=$(cat "$d/port")
}

# vm_wait NAME PID T0 WHERE: waits until a VM has booted and its sshd answers, then says how long it took
vm_wait() {
  local name=$1 p=$2 t0=$3 where=$4 d now cpu; d=$(vm_dir "$name")
  vm_ssh_opts "$name"
  while :; do
    kill -0 "$p" 2>/dev/null || { cat "$d/qemu.log" >&2; rm -f "$d/pid"; die "$name's emulator ended"; }
    now=$(date +%s)
    [ $((now - ${t0%.*})) -lt "${PI_VM_TIMEOUT:-600}" ] \
      || { tail -5 "$d/serial.log" >&2; die "$name did not answer in ${PI_VM_TIMEOUT:-600} s (it is left running)"; }
    if grep -aqs PI-VM-READY "$d/serial.log" \
       && ssh "${SSH_OPTS[@]}" -n -p "$SSH_PORT" root@127.0.0.1 true 2>/dev/null; then break; fi
    sleep 0.5
  done
  cpu=$(awk '{printf "%.0f", ($14+$15)/100}' "/proc/$p/stat")
  echo "$name up in $(awk "BEGIN{printf \"%.1f\", $(date +%s.%N) - $t0}") s (its own clock: $(grep -ao 'PI-VM-READY [0-9.]*' "$d/serial.log" | tail -1 | cut -d' ' -f2) s; the emulator used $cpu s of CPU): ssh port $SSH_PORT, $where"
}
