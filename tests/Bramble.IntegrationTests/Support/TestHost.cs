using System.Diagnostics;

namespace Bramble.IntegrationTests.Support;

/// <summary>A machine of its own for a node, made of namespaces by tests/hosts/host.sh.</summary>
internal sealed class TestHost : IAsyncDisposable
{
    private static readonly Dictionary<string, string> Paths = new() { ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

    private TestHost(string name, int number)
    {
        Name = name;
        Number = number;
    }

    /// <summary>Its host name; also the name of its network namespace on this machine.</summary>
    public string Name { get; }

    /// <summary>The last byte of its address.</summary>
    public int Number { get; }

    /// <summary>Its IPv4 address on the bridge that all test hosts share; this machine is 10.201.0.1 there.</summary>
    public string Address => $"10.201.0.{Number}";

    /// <summary>Makes the host. What a broken run left of the same name goes first.</summary>
    /// <param name="name">At most 13 characters: a link is named after it.</param>
    /// <param name="number">The last byte of its address, 2 to 250, unique among the hosts of a test.</param>
    /// <param name="defaultRoute">False for a board that knows no way out.</param>
    public static async Task<TestHost> Up(string name, int number, bool defaultRoute = true)
    {
        var host = new TestHost(name, number);
        await host.Script("down", name);
        await host.Boot(defaultRoute);
        return host;
    }

    /// <summary>Switches it on again after <see cref="PowerOff"/>: the same disk, nothing runs.</summary>
    public async Task Boot(bool defaultRoute = true) =>
        (await Script(["up", Name, Number.ToString(), .. defaultRoute ? Array.Empty<string>() : ["no-default-route"]])).Succeeded();

    /// <summary>Pulls the plug; its disk stays.</summary>
    public async Task PowerOff() => (await Script("off", Name)).Succeeded();

    /// <summary>Runs a program in the host to its end.</summary>
    public Task<CommandResult> Run(params string[] command) => Command.Run(TestFiles.HostScript, ["exec", Name, .. command], environment: Paths);

    /// <summary>Runs a shell command line in the host to its end.</summary>
    public Task<CommandResult> Shell(string line) => Run("bash", "-c", line);

    /// <summary>Starts a program in the host that runs beside the test; the caller ends it.</summary>
    public Process Start(params string[] command) => Command.Start(TestFiles.HostScript, ["exec", Name, .. command], Paths);

    public async ValueTask DisposeAsync() => (await Script("down", Name)).Succeeded();

    private Task<CommandResult> Script(params string[] arguments) => Command.Run("setsid", ["--wait", TestFiles.HostScript, .. arguments]);
}
