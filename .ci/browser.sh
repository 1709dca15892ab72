#!/bin/sh
# What tests of the page use: Chromium, and Node's packages where Node is. Installs Chromium where
# Debian's apt is at hand and we may. Without them these tests are skipped, so nothing here fails.
set -u

find_chromium() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        command -v google-chrome >/dev/null 2>&1
}

if ! find_chromium && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
    echo "Chromium was not found; installing it..."
    { timeout 120 apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y -qq chromium; } >/dev/null 2>&1
fi
find_chromium || echo "There is no Chromium: the tests that open the page are skipped."

page=sparkpipe/report/page/frontend
if command -v npm >/dev/null 2>&1 && [ ! -e "$page/node_modules/.set-up" ]; then
    (cd "$page" && timeout 120 npm ci --silent --ignore-scripts && touch node_modules/.set-up) >/dev/null 2>&1 ||
        echo "The page's bundler cannot be installed: nobody looks whether the built page is that of its sources."
fi
exit 0
