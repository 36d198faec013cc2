using System.Buffers;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Bramble.Logging;

/// <summary>Writes one line an entry, in the form K3s' users and their log tools know: <c>time="…" level=info msg="…"</c>.</summary>
/// <remarks>Lines are written whole under one lock; a slow reader of standard error slows the writer, nothing is dropped.</remarks>
internal sealed class LineLoggerProvider(TextWriter output, LogLevel least, TimeProvider time) : ILoggerProvider
{
    private readonly Lock _gate = new();

    public ILogger CreateLogger(string categoryName) => new LineLogger(this);

    public void Dispose() => output.Flush();

    private void Write(LogLevel level, string message, Exception? error)
    {
        var line = new StringBuilder(message.Length + 64)
            .Append("time=\"").Append(time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ")).Append("\" level=")
            .Append(level switch { LogLevel.Trace or LogLevel.Debug => "debug", LogLevel.Information => "info", LogLevel.Warning => "warning", LogLevel.Error => "error", _ => "fatal" })
            .Append(" msg=");
        Quote(line, message);
        if (error is not null)
        {
            line.Append(" error=");
            // The trace only where somebody debugs or must act on a bug; an operator's line has cause and fix already.
            Quote(line, least <= LogLevel.Debug || level >= LogLevel.Critical ? error.ToString() : $"{error.GetType().Name}: {error.Message}");
        }
        line.Append('\n');
        lock (_gate)
        {
            output.Write(line);
            output.Flush();
        }
    }

    private static readonly SearchValues<char> Special = SearchValues.Create("\"\\\n\r");

    private static void Quote(StringBuilder line, string text)
    {
        line.Append('"');
        if (text.AsSpan().IndexOfAny(Special) < 0) line.Append(text);
        else
            foreach (var c in text)
                _ = c switch { '"' => line.Append("\\\""), '\\' => line.Append("\\\\"), '\n' => line.Append("\\n"), '\r' => line, _ => line.Append(c) };
        line.Append('"');
    }

    private sealed class LineLogger(LineLoggerProvider owner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= owner.Least && logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) owner.Write(logLevel, formatter(state, exception), exception);
        }
    }

    private LogLevel Least => least;
}
