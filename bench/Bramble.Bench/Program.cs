using System.Diagnostics;
using System.Globalization;
using Bramble.Bench;
using Bramble.IntegrationTests.Network;
using Bramble.IntegrationTests.Support;

// bench [--idle SECONDS] [--budgets]
// bench --scheduler [--nodes N] [--pods N]
//   --idle SECONDS  how long each idle figure is taken; 60 unless given
//   --budgets       only the figures that have a budget, and exit code 1 when one is exceeded: what CI runs
//   --scheduler     a control plane with simulated nodes (200) and two Deployments that fill them with Pods (10000 together)
var idle = TimeSpan.FromSeconds(Option("--idle") is { } given ? double.Parse(given, CultureInfo.InvariantCulture) : 60);
var onlyBudgets = args.Contains("--budgets");
const string ServerPattern = "'bramble server'";
const string AgentlessPattern = "'--disable-agent'";
var figures = new Figures();

if (args.Contains("--scheduler"))
{
    await using var load = new SchedulerLoad(Number("--nodes", 200), Number("--pods", 10000), idle, figures);
    await load.Run();
    return 0;
}
figures.Print("binary", new FileInfo(TestFiles.Bramble).Length / 1e6, 40, "MB");
await MeasureWithoutNode();
await MeasureNode();
await MeasureAgent();
foreach (var line in figures.Exceeded) Console.WriteLine($"over budget: {line}");
return figures.Exceeded.Count == 0 || !onlyBudgets ? 0 : 1;

string? Option(string name) => Array.IndexOf(args, name) is >= 0 and var index && index + 1 < args.Length ? args[index + 1] : null;

int Number(string name, int otherwise) => Option(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

static double Mb(long kib) => kib * 1024 / 1e6;

async Task MeasureWithoutNode()
{
    await using var host = await TestHost.Up("bench-cp", 241);
    using var server = host.Start(TestFiles.Bramble, "server", "--disable-agent", "--node-name", "bench-cp");
    _ = server.StandardOutput.ReadToEndAsync();
    _ = server.StandardError.ReadToEndAsync();
    await Eventually.Becomes(() => host.Run("curl", "-sk", "https://127.0.0.1:6443/ping"), result => result.Output == "pong", "the server answers");
    await Task.Delay(TimeSpan.FromSeconds(45));
    figures.Print("server without node: RSS", Mb((await ProcessCost.Of(host, AgentlessPattern)).ResidentKb), 60, "MB");
}

async Task MeasureNode()
{
    await using var host = await TestHost.Up("bench", 240);
    var disk = await CountedDisk.Mount(host);
    var clock = Stopwatch.StartNew();
    await using var cluster = await Cluster.StartOn(host);
    figures.Print("start to node Ready, cold", $"{clock.Elapsed.TotalSeconds:0.0} s");
    await cluster.StopServer("TERM");
    clock.Restart();
    await cluster.StartServer();
    await cluster.WaitForNode(host.Name);
    figures.Print("start to node Ready, warm", $"{clock.Elapsed.TotalSeconds:0.0} s");

    await Task.Delay(TimeSpan.FromSeconds(45));
    await MeasureIdle("no pods", cluster, disk, hasBudget: true);
    if (onlyBudgets) return;

    await cluster.Kubectl("create", "namespace", "pods");
    clock.Restart();
    await cluster.Kubectl("-n", "pods", "create", "deployment", "one", "--image=busybox:1", "--", "sleep", "3600");
    await cluster.Kubectl("-n", "pods", "rollout", "status", "deployment/one", "--timeout=120s");
    figures.Print("create Deployment to 1 pod Ready", $"{clock.Elapsed.TotalSeconds:0.0} s");
    clock.Restart();
    await cluster.Kubectl("-n", "pods", "create", "deployment", "many", "--image=busybox:1", "--replicas=30", "--", "sleep", "3600");
    await cluster.Kubectl("-n", "pods", "rollout", "status", "deployment/many", "--timeout=300s");
    figures.Print("create Deployment to 30 pods Ready", $"{clock.Elapsed.TotalSeconds:0.0} s");
    await cluster.Kubectl("-n", "pods", "scale", "deployment/many", "--replicas=9");
    await Eventually.Becomes(() => cluster.Kubectl("-n", "pods", "get", "pods", "--no-headers"), pods => pods.Split('\n').Length == 10, "10 pods are left", TimeSpan.FromMinutes(2));
    await Task.Delay(TimeSpan.FromSeconds(45));
    await MeasureIdle("10 pods", cluster, disk, hasBudget: false);
    await cluster.Kubectl("delete", "namespace", "pods", "--timeout=120s");

    using var load = new ApiLoad(cluster, ServerPattern, figures);
    await load.Run();
    figures.Print("RSS after that load", $"{Mb((await ProcessCost.Of(host, ServerPattern)).ResidentKb):0.0} MB");
    await Task.Delay(TimeSpan.FromSeconds(45));
    figures.Print("RSS 45 s later", $"{Mb((await ProcessCost.Of(host, ServerPattern)).ResidentKb):0.0} MB");
}

// An agent of a small cluster with everything on: kubelet, services, policies, DNS, ingress, tunnel.
async Task MeasureAgent()
{
    const string token = "token-of-the-bench";
    await using var cluster = await Cluster.Start("bench-srv", 242, "--token", token);
    await using var host = await TestHost.Up("bench-agent", 243);
    await Agent.Start(host, $"https://{cluster.Host.Address}:6443", token);
    await cluster.WaitForNode(host.Name);
    await cluster.Kubectl("create", "deployment", "web", "--image=busybox:1", "--replicas=4", "--", "sleep", "3600");
    await cluster.Kubectl("expose", "deployment", "web", "--port=80");
    await cluster.Kubectl("create", "ingress", "web", "--rule=web.example.org/*=web:80");
    await cluster.Kubectl("rollout", "status", "deployment/web", "--timeout=120s");
    await Task.Delay(TimeSpan.FromSeconds(90));
    var agent = await ProcessCost.Of(host, "'bramble agent'");
    figures.Print("agent: RSS of bramble", $"{Mb(agent.ResidentKb):0.0} MB (goal 45 MB)");
    figures.Print("agent: PSS of bramble", $"{Mb(agent.ProportionalKb):0.0} MB");
}

async Task MeasureIdle(string name, Cluster cluster, CountedDisk disk, bool hasBudget)
{
    var before = await ProcessCost.Of(cluster.Host, ServerPattern);
    var written = await disk.WrittenBytes();
    var clock = Stopwatch.StartNew();
    await Task.Delay(idle);
    var took = clock.Elapsed;
    var after = await ProcessCost.Of(cluster.Host, ServerPattern);
    var writtenAnHour = (await disk.WrittenBytes() - written) / 1e6 * 3600 / took.TotalSeconds;
    var containerd = await ProcessCost.Of(cluster.Host, "'containerd -c'|'containerd --config'");
    var shims = await ProcessCost.Of(cluster.Host, "containerd-shim", mayBeNone: true);
    if (hasBudget)
    {
        figures.Print($"{name}: RSS of bramble", Mb(after.ResidentKb), 90, "MB");
        figures.Print($"{name}: written to the disk an idle hour", writtenAnHour, 1, "MB");
    }
    else
    {
        figures.Print($"{name}: RSS of bramble", $"{Mb(after.ResidentKb):0.0} MB");
        figures.Print($"{name}: written to the disk an idle hour", $"{writtenAnHour:0.0#} MB");
    }
    figures.Print($"{name}: PSS of bramble", $"{Mb(after.ProportionalKb):0.0} MB");
    figures.Print($"{name}: containerd RSS, PSS", $"{Mb(containerd.ResidentKb):0.0} MB, {Mb(containerd.ProportionalKb):0.0} MB");
    figures.Print($"{name}: {shims.Count} shims RSS, PSS", $"{Mb(shims.ResidentKb):0.0} MB, {Mb(shims.ProportionalKb):0.0} MB");
    figures.Print($"{name}: sum RSS, PSS", $"{Mb(after.ResidentKb + containerd.ResidentKb + shims.ResidentKb):0.0} MB, {Mb(after.ProportionalKb + containerd.ProportionalKb + shims.ProportionalKb):0.0} MB");
    figures.Print($"{name}: idle CPU of bramble over {took.TotalSeconds:0} s", $"{after.CoreShareSince(before, took):P2} of a core");
}
