#!/bin/bash
# Installs what the tests need and runs every test. The last line is "N passed, N failed, N skipped".
#   ./test.sh            everything
#   ./test.sh NAME       only the unit tests whose project or name holds NAME
set -uo pipefail
cd "$(dirname "$0")"
filter=${1:-}
passed=0 failed=0 skipped=0

# ---- needs -----------------------------------------------------------------------------------------------------------
packages=()
have() { command -v "$1" >/dev/null 2>&1 || packages+=("$2"); }
have clang clang
have ld.lld lld
have aarch64-linux-gnu-objcopy binutils-aarch64-linux-gnu
have curl curl
have python3 python3
have nft nftables
have ip iproute2
have containerd containerd
have runc runc
have busybox busybox-static
have unzip unzip
have openssl openssl
have mkfs.ext4 e2fsprogs
have pgrep procps
have npm npm
[ -f /usr/include/zlib.h ] || packages+=(zlib1g-dev)
[ -f /usr/include/sqlite3.h ] || packages+=(libsqlite3-dev)
[ -x /usr/lib/cni/bridge ] || packages+=(containernetworking-plugins)
ldconfig -p | grep -q libnftables.so.1 || packages+=(libnftables1)
if [ ${#packages[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || { echo "install these first, or run as root: ${packages[*]}"; exit 1; }
    { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${packages[@]}"; } >/dev/null || { echo "apt-get cannot install: ${packages[*]}"; exit 1; }
fi

# ---- unit tests ---------------------------------------------------------------------------------------------------------
dotnet build Bramble.slnx -c Debug -v q --nologo -clp:NoSummary || { echo '0 passed, 1 failed, 0 skipped'; exit 1; }
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
# Runs the built tests of a project, or those of it that the other arguments choose; what they print goes to the file "results/LABEL".
run_tests() {
    local label=$1 project=$2
    shift 2
    timeout 1500 dotnet "$project/bin/Debug/net10.0/$(basename "$project").dll" -noColor "$@" >"$results/$label" 2>&1
}
# Counts what a run printed. With "again": tests of real machines, where what failed is said and run once more, alone, as a busy machine can make a test
# miss its time; a test that fails twice has failed.
count_tests() {
    local label=$1 project=$2 again=${3:-} name output summary bad skip good failing
    name=$(basename "$project")
    output=$(cat "$results/$label")
    summary=$(grep -E "^ *$name +Total:" <<<"$output" | tail -n 1)
    if [ -z "$summary" ]; then
        echo "$output" | tail -n 30
        echo "$label: ended without a result"
        failed=$((failed + 1))
        return
    fi
    [ -n "$filter" ] && [[ $summary == *"Total: 0" ]] && return
    number() { sed -E "s/.*$1: ([0-9]+).*/\1/" <<<"$summary"; }
    bad=$(($(number Failed) + $(number Errors))) skip=$(number Skipped)
    good=$(($(number Total) - $(number Failed) - skip))
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
    printf '%-32s %s passed, %s failed, %s skipped\n' "$label" "$good" "$bad" "$skip"
    [ "$bad" = 0 ] && return
    grep -vE 'Discover|Starting|Finished' <<<"$output" | tail -n 100
    [ -n "$again" ] || return
    mapfile -t failing < <(sed -nE 's/^ {4}([A-Za-z0-9_.]+)(\(.*)? \[FAIL\]$/-method\n\1/p' <<<"$output")
    if [ ${#failing[@]} -gt 0 ] && run_tests "$label" "$project" "${failing[@]}"; then
        passed=$((passed + bad)) failed=$((failed - bad))
        echo "$label: these $bad passed when they were run again, alone"
    else
        tail -n 60 "$results/$label"
    fi
}
for project in tests/*.Tests; do
    [ -n "$(find "$project" -name '*Tests.cs' -not -path '*/obj/*' -print -quit)" ] || continue
    name=$(basename "$project") only=()
    [[ $name == *$filter* ]] || only=(-method "*$filter*")
    run_tests "$name" "$project" "${only[@]}"
    count_tests "$name" "$project"
done

# ---- the binary --------------------------------------------------------------------------------------------------------
if [ -z "$filter" ]; then
    check() {
        local what=$1; shift
        if "$@"; then passed=$((passed + 1)); echo "ok    $what"; else failed=$((failed + 1)); echo "FAIL  $what"; fi
    }
    bramble=artifacts/publish/linux-x64/bramble
    check 'publish the AOT binary' packaging/publish.sh linux-x64
    check 'publish it for a Raspberry Pi' packaging/publish.sh linux-arm64
    check 'that one is for ARM and within 40 MB' tests/binary/arm64.sh artifacts/publish/linux-arm64/bramble
    if [ -x "$bramble" ]; then
        check 'one file runs alone in an empty folder' tests/binary/alone.sh "$bramble"
        check 'the binary is within 40 MB' [ "$(stat -c %s "$bramble")" -le $((40 * 1024 * 1024)) ]
        check 'wrong input is one line with cause and fix' tests/binary/wrong-input.sh "$bramble"
        check 'recorded cases of upstream' tests/parity/run.sh "$bramble"
        # The AOT binary with the real kubectl, helm and containerd, on test hosts.
        if [ "$(id -u)" = 0 ] && tests/clients.sh artifacts/clients && tests/images/busybox-image.sh artifacts/images/busybox.tar; then
            # Mostly they wait: those of several hosts run beside those of one, each with a shared cluster of its own.
            integration=tests/Bramble.IntegrationTests
            BRAMBLE_SHARED_HOST=shared2 BRAMBLE_SHARED_NUMBER=199 run_tests "integration, network" $integration -namespace Bramble.IntegrationTests.Network &
            run_tests "integration, node" $integration -namespace- Bramble.IntegrationTests.Network
            wait
            count_tests "integration, network" $integration again
            count_tests "integration, node" $integration again
            check 'memory and idle writes are within the budgets' dotnet bench/Bramble.Bench/bin/Debug/net10.0/Bramble.Bench.dll --budgets
            check 'flags, config file and variables of the server' tests/binary/server-flags.sh "$bramble"
            check 'install.sh: refusals, variables, upgrade in place, nothing left' tests/binary/install.sh "$bramble"
        else
            failed=$((failed + 1)); echo 'FAIL  the integration tests need root, kubectl and helm (npm) and busybox'
        fi
    fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
