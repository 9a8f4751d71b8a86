#!/bin/sh
# Makes .venv hold what the lock file says: `environment.sh run` (requirements.lock) or `dev` (with the tests).
# Does nothing when it already does; may be interrupted at any point and run again.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

modern() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

version() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo "no Python"; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        modern "$PYTHON" || fail "PYTHON=$PYTHON is $(version "$PYTHON"); Amicale needs Python 3.11 or newer."
        python=$PYTHON
        return
    fi
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        modern "$python" && return
    done
    fail "Amicale needs Python 3.11 or newer and found none (python3 is $(version python3));" \
        "install it, or say where it is: make run PYTHON=/path/to/python3.11"
}

# What takes long runs in a group of its own, out of Ctrl-C's reach: it is ended here, and says nothing then.
child=
begin() { setsid "$@" & child=$!; }
end() { wait "$child" && child= || { child=; return 1; }; }
stop() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill -- "-$child" 2>/dev/null || kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    say ""
    say "Stopped. Run the same command again to go on."
    exit 130
}
trap stop INT TERM HUP

# pip tells every file; what counts is how many packages it has, and that it goes on.
install_with_pip() {
    told=.venv/pip.log unpacking=
    begin .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --require-hashes -r "$lock" >"$told" 2>&1
    while kill -0 "$child" 2>/dev/null; do
        if [ -z "$unpacking" ] && grep -q '^Installing collected' "$told"; then
            unpacking=1
            say "  unpacking, about half a minute ..."
        elif [ -z "$unpacking" ] && [ -t 2 ]; then
            printf '\r  %s of %s packages ' "$(grep -c '^Collecting' "$told")" "$packages" >&2
        fi
        sleep 1 || true
    done
    end || { grep '^ERROR' "$told" | tail -n 5 >&2; return 1; }
}

case "$1" in
    run) lock=requirements.lock ;;
    dev) lock=requirements-dev.lock ;;
esac
stamp=.venv/.holds-$1
wanted=$(cksum <"$lock")

if [ -x .venv/bin/python ] && modern .venv/bin/python; then
    if [ -n "${PYTHON:-}" ] && [ "$(version "$PYTHON")" != "$(version .venv/bin/python)" ]; then
        find_python
        fail ".venv holds Python $(version .venv/bin/python), and PYTHON=$PYTHON is $(version "$PYTHON"):" \
            "run make clean first, which keeps your data, to change it."
    fi
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
else
    rm -rf .venv
fi

find_python
failed="The packages could not be installed (the reason is above); check the network, then run the same command again."

packages=$(grep -c '==' "$lock" || true)
if command -v uv >/dev/null 2>&1; then
    say "Installing $packages packages into .venv with uv (the first time takes about a minute) ..."
    [ -x .venv/bin/python ] || uv venv --quiet --python "$python" .venv
    begin uv pip install --python .venv/bin/python --require-hashes -r "$lock"
    end || fail "$failed"
else
    say "Installing $packages packages into .venv with pip (the first time takes some minutes; uv would be faster) ..."
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        begin "$python" -m venv --clear .venv
        end || fail "Python cannot make virtual environments here; on Debian or Ubuntu: apt install python3-venv." \
            "Then run the same command again."
    fi
    install_with_pip || fail "$failed"
fi

printf '%s' "$wanted" >"$stamp"
if [ "$1" = dev ]; then
    cksum <requirements.lock | tr -d '\n' >.venv/.holds-run
fi
