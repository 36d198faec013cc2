using System.Runtime.InteropServices;
using System.Text;

namespace Bramble.Network.Nftables;

/// <summary>libnftables in this process: commands in nft's language, each buffer one atomic transaction. The library is loaded at the first call, so a
/// machine without it can run everything but the network. Thread-safe: one caller at a time.</summary>
internal sealed partial class NftablesLibrary : INftables
{
    private const string Library = "libnftables.so.1";
    private const uint OutputHandles = 1 << 3;
    private const uint OutputJson = 1 << 4;
    private const uint OutputNumericPriorities = 1 << 8;
    private const uint OutputWithoutElements = 1 << 11;

    private readonly Lock _gate = new();
    private nint _context;

    /// <inheritdoc/>
    public void Apply(string commands) => Run(commands, flags: 0);

    /// <inheritdoc/>
    public string ReadJson(string command) => Run(command, OutputJson | OutputHandles | OutputNumericPriorities | OutputWithoutElements);

    public void Dispose()
    {
        lock (_gate)
        {
            if (_context != 0) nft_ctx_free(_context);
            _context = 0;
        }
    }

    private string Run(string commands, uint flags)
    {
        lock (_gate)
        {
            if (_context == 0) _context = Open();
            nft_ctx_output_set_flags(_context, flags);
            var code = nft_run_cmd_from_buffer(_context, commands);
            var output = Marshal.PtrToStringUTF8(nft_ctx_get_output_buffer(_context)) ?? "";
            if (code == 0) return output;
            throw new NftablesException(Shorten(Marshal.PtrToStringUTF8(nft_ctx_get_error_buffer(_context)) ?? "unknown error"), commands);
        }
    }

    private static nint Open()
    {
        nint context;
        try
        {
            context = nft_ctx_new(0);
        }
        catch (DllNotFoundException missing)
        {
            throw new NftablesException($"the network needs {Library}, which is not installed. Install it: apt install libnftables1 (or the nftables package).", "", missing);
        }
        if (context == 0) throw new NftablesException("libnftables gave no context: out of memory, or the kernel has no nf_tables (modprobe nf_tables).", "");
        _ = nft_ctx_buffer_output(context);
        _ = nft_ctx_buffer_error(context);
        return context;
    }

    // The library repeats the whole command below each error; of a large transaction the first lines say it all.
    private static string Shorten(string error)
    {
        var kept = new StringBuilder();
        foreach (var line in error.AsSpan().EnumerateLines())
        {
            if (kept.Length + line.Length > 1000) break;
            if (line.IsWhiteSpace()) continue;
            kept.Append(kept.Length == 0 ? "" : " | ").Append(line.Trim());
        }
        return kept.Length > 0 ? kept.ToString() : error[..Math.Min(error.Length, 500)];
    }

    [LibraryImport(Library)]
    private static partial nint nft_ctx_new(uint flags);

    [LibraryImport(Library)]
    private static partial void nft_ctx_free(nint context);

    [LibraryImport(Library)]
    private static partial int nft_ctx_buffer_output(nint context);

    [LibraryImport(Library)]
    private static partial int nft_ctx_buffer_error(nint context);

    // Returned nothing before libnftables 1.0.7 and the old flags since: ignored here.
    [LibraryImport(Library)]
    private static partial void nft_ctx_output_set_flags(nint context, uint flags);

    [LibraryImport(Library)]
    private static partial nint nft_ctx_get_output_buffer(nint context);

    [LibraryImport(Library)]
    private static partial nint nft_ctx_get_error_buffer(nint context);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int nft_run_cmd_from_buffer(nint context, string commands);
}

/// <summary>The kernel's packet filter. A border: the real one changes the machine.</summary>
internal interface INftables : IDisposable
{
    /// <summary>Runs commands in nft's language as one transaction: all or nothing.</summary>
    /// <exception cref="NftablesException">Nothing was changed.</exception>
    void Apply(string commands);

    /// <summary>Runs a <c>list</c> command; handles included, elements of sets left out.</summary>
    string ReadJson(string command);
}

/// <summary>A transaction that the kernel or the library refused; nothing of it took effect.</summary>
internal sealed class NftablesException(string message, string commands, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What was to be run; for debug logs only, because it can be megabytes.</summary>
    public string Commands { get; } = commands;
}
