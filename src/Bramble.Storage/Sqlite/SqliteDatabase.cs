using System.Text;
using SQLitePCL;
using static SQLitePCL.raw;

namespace Bramble.Storage.Sqlite;

/// <summary>The file: its schema, its SQL and the translation of its errors. One connection, exclusive, so that a second server on the same folder fails at
/// once instead of sharing. Not thread-safe: guarded by its store.</summary>
internal sealed class SqliteDatabase : IDisposable
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS kv (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, value BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT OR IGNORE INTO meta VALUES ('format', 1), ('reserved', 100);
        """;

    private readonly string _path;
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _find, _list, _put, _delete, _reserved, _reserve, _begin, _commit, _rollback;

    private SqliteDatabase(string path, sqlite3 connection)
    {
        _path = path;
        _connection = connection;
        _find = Prepare("SELECT revision, value FROM kv WHERE key = ?");
        _list = Prepare("SELECT key, revision, value FROM kv WHERE key >= ? AND key < ? ORDER BY key");
        _put = Prepare("INSERT INTO kv (key, revision, value) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value");
        _delete = Prepare("DELETE FROM kv WHERE key = ?");
        _reserved = Prepare("SELECT value FROM meta WHERE name = 'reserved'");
        _reserve = Prepare("UPDATE meta SET value = ? WHERE name = 'reserved'");
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
    }

    /// <exception cref="StoreUnavailableException">The file cannot be opened, is in use, or is not a database of ours.</exception>
    public static SqliteDatabase Open(string path)
    {
        var code = sqlite3_open_v2(path, out var connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, null);
        try
        {
            Check(path, connection, code);
            // WAL with FULL: one fsync a commit and the commit survives a power cut. The WAL goes back into the file after 4 MB, not after each commit,
            // because that would write every page twice to the SD card. Exclusive also keeps the -shm file away.
            foreach (var pragma in (string[])["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 1000", "journal_size_limit = 8388608",
                "cache_size = -1024", "temp_store = MEMORY"])
                Check(path, connection, sqlite3_exec(connection, $"PRAGMA {pragma}"));
            Check(path, connection, sqlite3_exec(connection, Schema));
            return new SqliteDatabase(path, connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>No revision above this one has ever been given out.</summary>
    public long Reserved
    {
        get
        {
            try
            {
                Step(_reserved);
                return sqlite3_column_int64(_reserved, 0);
            }
            finally
            {
                sqlite3_reset(_reserved);
            }
        }
    }

    public StoreEntry? Find(string key)
    {
        try
        {
            sqlite3_bind_text(_find, 1, key);
            return Step(_find) ? new StoreEntry(key, sqlite3_column_blob(_find, 1).ToArray(), sqlite3_column_int64(_find, 0)) : null;
        }
        finally
        {
            sqlite3_reset(_find);
        }
    }

    public List<StoreEntry> List(string prefix)
    {
        var found = new List<StoreEntry>();
        try
        {
            sqlite3_bind_text(_list, 1, prefix);
            // 0xFF occurs in no UTF-8 text, so everything with the prefix is below prefix + 0xFF.
            sqlite3_bind_text(_list, 2, (ReadOnlySpan<byte>)[.. Encoding.UTF8.GetBytes(prefix), 0xff]);
            while (Step(_list))
                found.Add(new StoreEntry(sqlite3_column_text(_list, 0).utf8_to_string(), sqlite3_column_blob(_list, 2).ToArray(), sqlite3_column_int64(_list, 1)));
            return found;
        }
        finally
        {
            sqlite3_reset(_list);
        }
    }

    public void Begin() => Run(_begin);

    public void Commit() => Run(_commit);

    /// <summary>After a failure; SQLite may have rolled back by itself.</summary>
    public void RollBack()
    {
        if (sqlite3_get_autocommit(_connection) == 0) Run(_rollback);
    }

    public void Reserve(long revision)
    {
        sqlite3_bind_int64(_reserve, 1, revision);
        Run(_reserve);
    }

    public void Put(in StoreEntry entry)
    {
        sqlite3_bind_text(_put, 1, entry.Key);
        sqlite3_bind_int64(_put, 2, entry.Revision);
        sqlite3_bind_blob(_put, 3, entry.Value.Span);
        Run(_put);
        sqlite3_clear_bindings(_put);
    }

    public void Delete(string key)
    {
        sqlite3_bind_text(_delete, 1, key);
        Run(_delete);
    }

    /// <summary>For tests of a full disk: the file may not grow beyond this many pages (0: no limit).</summary>
    public void LimitPages(int pagesMax) => Check(_path, _connection, sqlite3_exec(_connection, $"PRAGMA max_page_count = {(pagesMax == 0 ? int.MaxValue : pagesMax)}"));

    public void Dispose()
    {
        foreach (var statement in (sqlite3_stmt[])[_find, _list, _put, _delete, _reserved, _reserve, _begin, _commit, _rollback]) statement.Dispose();
        _connection.Dispose();      // the last connection moves the WAL into the file
    }

    private sqlite3_stmt Prepare(string sql)
    {
        Check(_path, _connection, sqlite3_prepare_v2(_connection, sql, out var statement));
        return statement;
    }

    private void Run(sqlite3_stmt statement)
    {
        try
        {
            Step(statement);
        }
        finally
        {
            sqlite3_reset(statement);
        }
    }

    /// <summary>True: a row.</summary>
    private bool Step(sqlite3_stmt statement)
    {
        var code = sqlite3_step(statement);
        if (code == SQLITE_ROW) return true;
        if (code != SQLITE_DONE) Check(_path, _connection, code);
        return false;
    }

    private static void Check(string path, sqlite3 connection, int code)
    {
        if (code == SQLITE_OK) return;
        var text = sqlite3_errmsg(connection).utf8_to_string();
        var folder = Path.GetDirectoryName(path);
        throw new StoreUnavailableException((code & 0xff) switch
        {
            SQLITE_FULL => $"the disk of {folder} is full: nothing was stored. Free some space there; Bramble goes on by itself.",
            SQLITE_READONLY => $"{path} cannot be written ({text}): nothing was stored. Remount the file system read-write (an SD card at its end turns read-only: replace it).",
            SQLITE_IOERR => $"reading or writing {path} failed ({text}): nothing was stored. Look at dmesg for errors of the disk or SD card, and at df for free space.",
            SQLITE_CANTOPEN => $"{path} cannot be opened ({text}). The folder must exist and belong to the user that runs Bramble.",
            SQLITE_BUSY or SQLITE_LOCKED => $"{path} is in use by another process. Stop the other server (systemctl stop k3s), or use another --data-dir.",
            SQLITE_CORRUPT or SQLITE_NOTADB => $"{path} is damaged or no database ({text}). Restore a snapshot, or move the file away to start empty.",
            _ => $"{path}: {text} (SQLite error {code}); nothing was stored.",
        });
    }
}
