# Sourced: chromium and chromedriver are there, or the script ends with 2.

if ! command -v chromium > /dev/null || ! command -v chromedriver > /dev/null; then
    if command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
        apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver fonts-dejavu-core || exit 2
    else
        echo "chromium and chromedriver are needed; Debian has them as chromium and chromium-driver" >&2; exit 2
    fi
fi
