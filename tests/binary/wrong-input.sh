#!/bin/bash
# wrong-input.sh BRAMBLE: each wrong command line is one line on standard error, with the expected words, and no answer on standard output.
set -uo pipefail
bramble=$1 bad=0
expect() {
    local words=$1; shift
    local error status
    error=$("$bramble" "$@" 2>&1 >/dev/null); status=$?
    if [ $status = 0 ] || [ "$(wc -l <<<"$error")" != 1 ] || [[ $error != *"$words"* ]]; then
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
exit $bad
