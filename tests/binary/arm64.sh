#!/bin/bash
# arm64.sh BRAMBLE: the binary for a Pi is an ARM program of at most 40 MB that asks for nothing newer than Debian 12 has.
set -uo pipefail
binary=$1 bad=0
fail() { echo "arm64: $*"; bad=1; }
# ELF's machine field: 183 is AArch64.
[ "$(od -An -t u2 -j 18 -N 2 "$binary" | tr -d ' ')" = 183 ] || fail "$binary is no ARM program"
size=$(stat -c %s "$binary")
[ "$size" -le $((40 * 1024 * 1024)) ] || fail "$binary has $size bytes"
needs=$(aarch64-linux-gnu-objdump -p "$binary")
libraries=$(awk '$1 == "NEEDED" { print $2 }' <<<"$needs" | sort | tr '\n' ' ')
[ "$libraries" = 'ld-linux-aarch64.so.1 libc.so.6 libm.so.6 ' ] || fail "it needs libraries: $libraries"
newest=$(grep -o 'GLIBC_[0-9.]*' <<<"$needs" | sort -V | tail -n 1)
[ "$(printf 'GLIBC_2.36\n%s\n' "$newest" | sort -V | tail -n 1)" = GLIBC_2.36 ] || fail "it needs $newest, Debian 12 has GLIBC_2.36"
grep -q GLIBC_PRIVATE <<<"$needs" && fail 'it needs what is private to glibc'
exit $bad
