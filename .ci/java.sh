#!/bin/sh
# Checks for Java 17 or newer; installs it where Debian's apt is at hand and we may.
set -eu

java_cmd="${JAVA_HOME:+$JAVA_HOME/bin/}java"

java_major() {
    command -v "$java_cmd" >/dev/null 2>&1 || { echo 0; return; }
    "$java_cmd" -version 2>&1 | sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9][0-9]*\).*/\2/p' | head -n 1
}

major=$(java_major)
[ "${major:-0}" -ge 17 ] && exit 0

if [ -z "${JAVA_HOME:-}" ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
    echo "Java 17 or newer was not found; installing openjdk-17-jre-headless..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openjdk-17-jre-headless >/dev/null
    major=$(java_major)
    [ "${major:-0}" -ge 17 ] && exit 0
fi

echo "Spark needs Java 17 or newer; found: ${major:-none} (0 means none)." >&2
echo "Install it (Debian, Ubuntu: sudo apt install openjdk-17-jre-headless; macOS: brew install openjdk@17)" >&2
echo "and let JAVA_HOME point to it." >&2
exit 1
