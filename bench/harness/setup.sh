#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What bench/proxy needs before it can measure: setup.sh INSTALL(yes|no) PACKAGES(yes|no) BUILD(yes|no) [LIST…]: of more packages
set -euo pipefail
umask 022
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tools/setup/lib.sh
. "$root/tools/setup/lib.sh"

policy=/usr/sbin/policy-rc.d

# install_unstarted SUDO PACKAGE...: Debian starts a service as soon as its package is there, unless this file says no. It is there
# only meanwhile (this runs in a shell of its own); what is new is not started with the machine either.
install_unstarted() {
    local sudo=$1 name
    shift
    if [ ! -e "$policy" ]; then
        # shellcheck disable=SC2064
        trap "$sudo rm -f '$policy'" EXIT
        printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin "$policy" || return
    fi
    packages_install "$sudo" "$@" || return
    command -v systemctl >/dev/null || return 0
    for name in "$@"; do
        case $name in
        nginx | haproxy) $sudo systemctl disable "$name" || return ;;
        esac
    done
}

logs=$(mktemp -d "${TMPDIR:-/tmp}/seawall-bench-setup.XXXXXX")
trap 'rmdir "$logs" 2>/dev/null || true' EXIT
lists=("$root/tools/setup/packages.txt")
[ "$2" = no ] || lists+=("$root/tools/setup/packages-bench.txt" "${@:4}")
package_installer=install_unstarted
[ "$2$3" = nono ] || ensure_packages "$1" "$logs/packages.log" "${lists[@]}"
[ "$3" = no ] || ensure_build "$root" "$logs/build.log" bench/load/bench_{load,upstream,floor}
rm -f "$logs"/*.log
