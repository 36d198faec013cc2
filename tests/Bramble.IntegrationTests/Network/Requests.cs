using System.Diagnostics;
using System.Globalization;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Requests at a steady rate from a pod's network, each on a connection of its own, until they are counted.</summary>
internal sealed class Requests : IDisposable
{
    private const string Script = """
        import asyncio, sys, time
        host, port, rate, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
        sent, failed, slowest, first = 0, 0, 0.0, ""
        async def once():
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            answer = await reader.read()
            writer.close()
            if b" 200 " not in answer[:20]: raise OSError("answered %r" % answer[:40])
        async def one():
            global failed, slowest, first
            began = time.monotonic()
            try: await asyncio.wait_for(once(), patience)
            except (OSError, asyncio.TimeoutError) as why:
                failed += 1
                first = first or "after %.1f s: %r" % (time.monotonic() - start, why)
            slowest = max(slowest, time.monotonic() - began)
        async def main():
            global sent, start
            start = time.monotonic()
            asked = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            running = set()
            while not asked.done():
                while sent < (time.monotonic() - start) * rate:
                    task = asyncio.ensure_future(one())
                    running.add(task)
                    task.add_done_callback(running.discard)
                    sent += 1
                await asyncio.sleep(0.005)
            if running: await asyncio.wait(running)
            print(sent, failed, "%.3f" % slowest, first)
        asyncio.run(main())
        """;

    private readonly Process _process;

    private Requests(Process process) => _process = process;

    /// <param name="rate">A second.</param>
    /// <param name="patience">Seconds after which a request has failed.</param>
    public static Requests From(WebPod pod, string address, int port, int rate, int patience = 5) => new(pod.Host.Start(
        "nsenter", "--target", pod.Pid, "--net", "--", "python3", "-c", Script, address, port.ToString(CultureInfo.InvariantCulture), rate.ToString(CultureInfo.InvariantCulture), patience.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Ends them and says how it was.</summary>
    public async Task<(int Sent, int Failed, string Story)> Count()
    {
        _process.StandardInput.Close();
        var line = (await _process.StandardOutput.ReadToEndAsync()).Trim();
        var words = line.Split(' ');
        if (words.Length < 3) throw new UnexpectedException($"the requests ended without a count: {line} {await _process.StandardError.ReadToEndAsync()}");
        return (int.Parse(words[0], CultureInfo.InvariantCulture), int.Parse(words[1], CultureInfo.InvariantCulture), line);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}
