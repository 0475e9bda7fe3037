# Starts nginx with the settings of the chat page:
#
#   API_URL     origin of the gateways, such as https://chat.example.com; empty: that of the page
#   TOKEN_URL   address of the token of the page's user; empty: the page has a field for a token
#   SIGN_IN_URL page on which a user signs in
#
# Argument: the program. LISTEN, ROOT, TEMP and DIRECTIVES are for tests.
set -eu
api=${API_URL:-} token=${TOKEN_URL:-} sign_in=${SIGN_IN_URL:-}
temp=${TEMP:-/tmp}

for url in "$api" "$token" "$sign_in"; do
  # The characters of a URL that need no escape in JSON, sed, or a quoted text of nginx.
  case $url in
    '') ;;
    *[!A-Za-z0-9:/._~%?=-]*) echo "API_URL, TOKEN_URL and SIGN_IN_URL may contain only A-Z a-z 0-9 : / . _ ~ % ? = -" >&2; exit 1 ;;
    http://* | https://*) ;;
    *) echo "API_URL, TOKEN_URL and SIGN_IN_URL must begin with http:// or https://" >&2; exit 1 ;;
  esac
done

fields=
field() { if [ -n "$2" ]; then fields="$fields${fields:+,}\"$1\":\"$2\""; fi; }
field apiUrl "$api"
field tokenUrl "$token"
field signInUrl "$sign_in"
echo "{$fields}" > "$temp/config.json"

# The origins that the page connects to. A policy for https:// does not cover wss://.
origin() { echo "$1" | sed -E 's#^(https?://[^/]*).*#\1#'; }
connect=
if [ -n "$api" ]; then connect=" $(origin "$api") $(origin "$api" | sed 's/^http/ws/')"; fi
if [ -n "$token" ]; then connect="$connect $(origin "$token")"; fi

here=$(dirname "$0")
sed -e "s#CONNECT#$connect#" -e "s#LISTEN#${LISTEN:-8080}#" -e "s#ROOT#${ROOT:-/usr/share/chat}#" -e "s#TEMP#$temp#" \
  "$here/nginx.conf" > "$temp/nginx.conf"
exec "$@" -e /dev/stderr -c "$temp/nginx.conf" -g "daemon off;${DIRECTIVES:-}"
