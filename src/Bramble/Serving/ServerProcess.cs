using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Admission.Quota;
using Bramble.ApiServer.Aggregation;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Bootstrap;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.CustomResources;
using Bramble.ApiServer.Events;
using Bramble.ApiServer.InProcess;
using Bramble.ApiServer.Metrics;
using Bramble.ApiServer.OpenApi;
using Bramble.ApiServer.Proxying;
using Bramble.ApiServer.Serving;
using Bramble.ApiServer.SpecialResources;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Configuration;
using Bramble.Controllers;
using Bramble.Controllers.LocalPath;
using Bramble.Network;
using Bramble.Scheduler;
using Bramble.Scheduler.Configuration;
using Bramble.Storage.Sqlite;
using Bramble.Supervisor.Joining;
using Bramble.Supervisor.Kubeconfigs;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tokens;
using Bramble.Supervisor.Tunnel;
using k8s.Models;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

/// <summary>A server, wired. Read <see cref="RunAsync"/> top to bottom: that is the start order; stopping runs it backwards. Pods go on when it ends.</summary>
internal sealed class ServerProcess(ServerConfig config, TimeProvider time, ILoggerFactory logs)
{
    // The ingress' requests have ten seconds of it.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(15);

    private readonly ILogger _log = logs.CreateLogger("server");

    /// <summary>A control plane without a node of its own is a plain API server; who wants metrics there installs metrics-server.</summary>
    private bool ServesMetrics => config.RunsNode && !config.Cluster.Disabled.Contains("metrics-server");

    public async Task RunAsync(CancellationToken stop)
    {
        // A wrong file is told before anything is begun.
        var profiles = config.Scheduler.Text("config") is { } file ? SchedulerConfiguration.Load(file) : SchedulerConfiguration.Default;
        ServerLog.Starting(_log, Product.KubernetesVersion, Product.OwnVersion, config.Layout.Root);
        var pki = OpenPki();
        var tokens = ServerTokens.Open(config.Layout, pki.ServerCa.ChainPem, config.Token, config.AgentToken);

        await using var store = SqliteStore.Open(config.Layout.Database, time, logs);
        var cache = new WatchCache(store, time, logs);
        using var loading = new CancellationTokenSource();
        var cacheRun = cache.RunAsync(loading.Token);
        await Task.WhenAny(cache.Ready, cacheRun).Unwrap();

        var authentication = Authentication(pki, tokens);
        var keys = ServiceAccountKeys.Load(authentication.ServiceAccountSigningKeyPem, authentication.ServiceAccountKeyPems);
        var options = Options(pki);
        var (authorizer, rbac) = Authorizers.Compose(cache, servesIngress: !config.Disabled.Contains("traefik"));
        // Strategies write IPAddress objects, admission writes the quotas it charges, authentication the day of a token's use: through the pipeline that is made of them.
        InProcessClient? loopback = null;
        var legacyUses = new LegacyTokenUses(() => loopback!, time, _log);
        var authenticators = Authenticators.Compose(authentication, keys, cache, time, legacyUses.Note);
        var serviceNetwork = new ServiceNetwork(config.ServiceCidrs, config.NodePorts.First, config.NodePorts.Last);
        Informers? nodes = null;
        var tunnels = new KubeletTunnels(host => nodes is null ? null : NodeAt(nodes, host), address => nodes is null ? null : NodeOfPod(nodes, address), logs.CreateLogger("tunnel"));
        // The own one listens where --bind-address says.
        ValueTask<Stream> DialKubelet(string host, int port, CancellationToken cancel) =>
            tunnels.DialAsync(config.RunsNode && nodes is not null && NodeAt(nodes, host) == config.NodeName ? config.Node.KubeletAddress.ToString() : host, port, cancel);
        Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod = config.TunnelsToPods ? tunnels.DialPodAsync : null;
        using var streams = new StreamingEndpoints(cache, KubeletClient(pki, config.UsesTunnels ? DialKubelet : null) with { DialPod = dialPod }, time);
        var (proxyCertificate, proxyKey) = pki.Pair("client-auth-proxy");
        using var aggregator = new Aggregator(cache, () => X509Certificate2.CreateFromPemFile(proxyCertificate, proxyKey), dialPod);
        var parts = new ApiServerParts
        {
            Strategies = BuiltInStrategies.All(serviceNetwork, () => loopback!),
            Admission = AdmissionPlugins.Compose(authorizer, rbac, () => loopback!, time, dialPod, AdmissionOf(config.ApiServer)),
            Authorizer = authorizer,
            SpecialEndpoints = SpecialEndpoints.Compose(authenticators, authentication, keys, authorizer, rbac, time),
            StreamingEndpoints = streams.All,
            VirtualGroups = ServesMetrics ? [streams.Metrics] : [],
            Aggregator = aggregator,
        };
        var pipeline = new ApiPipeline(cache, store, options, parts, time, logs);
        loopback = new InProcessClient(pipeline, UserInfo.Loopback, "kube-apiserver");
        var routes = new NonResourceRoutes();
        routes.Add(new NonResourceRoute("/cacerts", (http, _, cancel) => WriteTextAsync(http, pki.ServerCa.ChainPem, cancel), IsOpen: true));
        routes.Add(new NonResourceRoute("/ping", (http, _, cancel) => WriteTextAsync(http, "pong", cancel), IsOpen: true));
        foreach (var route in IssuerDiscovery.Routes(authentication, keys, $"{config.AdvertiseAddress}:{config.AdvertisePort}")) routes.Add(route);
        OpenApiRoutes.AddTo(routes, pipeline);
        using var passwords = new NodePasswords(loopback);
        var joining = new AgentEndpoints(pki, config.Cluster, passwords, tunnels, loopback, () => [$"{new IPEndPoint(config.AdvertiseAddress, config.AdvertisePort)}"], tokens.Rotate, logs.CreateLogger("join"));
        routes.Add(new NonResourceRoute(AgentEndpoints.Prefix, (http, user, cancel) => joining.HandleAsync(http, new Caller(user.Name, user.Groups), cancel), IsPrefix: true, AuthorizesItself: true));
        await using var server = new Bramble.ApiServer.Serving.ApiServer(pipeline, authenticators, routes, logs);
        try
        {
            await server.StartAsync(stop);
        }
        catch (IOException error) when (error.InnerException is AddressInUseException)
        {
            throw new IOException($"{config.Listen} is in use; is K3s or another Bramble running? \"ss -ltnp sport = :{config.Listen.Port}\" shows it; or take another port with --https-listen-port", error);
        }
        WriteKubeconfigs(pki);
        ServerLog.ApiServerReady(_log, config.LocalUrl, config.KubeconfigPath);
        ServiceNotify.Ready();

        await using var bootstrapEvents = new EventRecorder(loopback, "kubernetes-service-cidr-controller", "", time, logs);
        var bootstrap = new BootstrapObjects(loopback, new BootstrapConfig
        {
            Advertise = new IPEndPoint(config.AdvertiseAddress, config.AdvertisePort),
            ServiceCidrs = config.ServiceCidrs,
            HostName = config.NodeName,
            Authentication = authentication,
        }, bootstrapEvents, time);
        await bootstrap.EnsureAsync(stop);
        await JoinRoles.EnsureAsync(loopback, stop);
        if (ServesMetrics) await MetricsObjects.EnsureAsync(loopback, stop);
        await using var informers = new Informers(loopback, time, logs);
        nodes = informers;
        using var sockets = config.RunsNode ? NodeSockets.Open(config.Layout, time, logs) : null;
        using var running = new RunningParts(time, _log, stop);
        running.Start("bootstrap objects", bootstrap.RunAsync);
        running.Start("custom resource definitions", new DefinitionPublisher(pipeline, loopback, time).RunAsync);
        running.Start("API services", new AggregationLoop(pipeline, aggregator, loopback, time).RunAsync);
        running.Start("uses of tokens kept in Secrets", legacyUses.RunAsync);
        running.Start("quota status", new QuotaStatusWriter(cache, loopback.As(UserInfo.ServiceAccount("kube-system", "resourcequota-controller"), "kube-controller-manager"), time, _log).RunAsync);
        running.Start("expiry of events", new EventExpiry(cache, loopback, config.ApiServer.Duration("event-ttl", TimeSpan.FromHours(1)), time).RunAsync);
        running.Start("local storage", cancel => KeepLocalStorageAsync(informers, loopback, cancel));
        running.Start("node names", cancel => FreeNamesAsync(informers, loopback, passwords, cancel));
        if (config.RunsControllers)
        {
            var tokenIssuer = new ServiceAccountTokenIssuer(keys, authentication.ServiceAccountIssuers[0], time);
            var settings = ControllerSettings.Of(config.ControllerManager, config.ClusterCidrs, pki.ServerCa.ChainPem) with
            {
                ServiceCidrs = config.ServiceCidrs,
                NodePorts = config.NodePorts,
                IssueAccountToken = tokenIssuer.IssueLegacy,
                Signers = new(pki.ClientCa.Certificate, pki.ServerCa.Certificate),
                LocalPath = HasLocalStorage ? new(config.LocalStoragePath, new NodeFolders(streams.Kubelets)) : null,
            };
            InProcessClient ControllerClient(string name) => name == "system:apiserver" ? loopback : loopback.As(
                name.Contains(':') ? new UserInfo(name, ["system:authenticated"]) : UserInfo.ServiceAccount("kube-system", name), "kube-controller-manager");
            var host = new ControllerHost(settings, ControllerClient, informers, time, logs);
            pipeline.OtherMetrics = pipeline.OtherMetrics.Add(host.Metrics);
            running.Start("controllers", host.RunAsync);
        }
        if (config.RunsScheduler)
        {
            var scheduler = loopback.As(new UserInfo("system:kube-scheduler", ["system:authenticated"]), "kube-scheduler");
            var loop = new SchedulerLoop(scheduler, informers, time, logs, profiles);
            pipeline.OtherMetrics = pipeline.OtherMetrics.Add(loop.Metrics);
            running.Start("scheduler", loop.RunAsync);
        }
        var network = loopback.As(new UserInfo("system:k3s-supervisor", ["system:masters", "system:authenticated"]), "k3s-supervisor");
        var clusterNetwork = new ClusterNetwork(network, informers, time, logs);
        running.Start("cluster network", async cancel =>
        {
            var (name, addresses) = await FirstNodeAsync(informers, cancel);
            await clusterNetwork.RunAsync(new NetworkConfig { NodeName = name, NodeIps = addresses, OwnsNode = config.RunsNode, DataDir = config.Layout.Root, ClusterDns = config.ClusterDns, ClusterDomain = config.ClusterDomain, Disabled = config.Disabled }, cancel);
        });
        if (config.RunsNode)
        {
            var kubelet = loopback.As(new UserInfo($"system:node:{config.NodeName}", ["system:nodes", "system:authenticated"]), "kubelet");
            // Also the server's own name is not for another machine.
            if (!await passwords.EnsureAsync(config.NodeName, NodePasswords.OwnPassword(), stop)) ServerLog.NameTaken(_log, config.NodeName);
            running.Start("node", new NodeProcess(config.Node, kubelet, network, informers, clusterNetwork.Definitions, sockets!, time, logs).RunAsync);
        }
        running.Start("idle memory", new IdleMemory(time).RunAsync);
        try
        {
            await Task.Delay(Timeout.Infinite, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            ServerLog.Stopping(_log);
        }
        ServiceNotify.Stopping();
        await running.StopAsync(StopPatience);
        using var patience = new CancellationTokenSource(StopPatience);
        await server.StopAsync(patience.Token);
        await loading.CancelAsync();
    }

    private bool HasLocalStorage => !config.Cluster.Disabled.Contains("local-storage");

    /// <summary>The class local-path and what belongs to it, from the first node on that can hold its volumes: an API server alone has no default class.</summary>
    private async Task KeepLocalStorageAsync(Informers informers, InProcessClient client, CancellationToken cancel)
    {
        if (!HasLocalStorage)
        {
            await LocalPathObjects.RemoveAsync(client, cancel);
            return;
        }
        await FirstNodeAsync(informers, cancel);
        await LocalPathObjects.EnsureAsync(client, config.LocalStoragePath, cancel);
    }

    /// <summary>Waits for a node, this machine's own or an agent's: an API server alone serves nothing of what nodes do.</summary>
    private async Task<(string Name, IReadOnlyList<IPAddress> Addresses)> FirstNodeAsync(Informers informers, CancellationToken cancel)
    {
        if (config.RunsNode) return (config.NodeName, config.NodeIps);
        var found = new TaskCompletionSource<V1Node>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = informers.For(Resources.Nodes).Subscribe(change =>
        {
            if (change.New is { } node && node.Metadata.Annotations?.ContainsKey("k3s.io/hostname") == true && node.Status?.Addresses is { Count: > 0 }) found.TrySetResult(node);
        });
        var first = await found.Task.WaitAsync(cancel);
        return (first.Metadata.Name, [.. first.Status.Addresses.Where(address => address.Type == "InternalIP").Select(address => IPAddress.Parse(address.Address))]);
    }

    /// <summary>The node that has an address or is called so.</summary>
    private static string? NodeAt(Informers informers, string host)
    {
        var nodes = informers.For(Resources.Nodes);
        if (nodes.Find(new NamespacedName("", host)) is not null) return host;
        return nodes.List().FirstOrDefault(node => node.Status?.Addresses?.Any(address => address.Address == host) == true)?.Metadata.Name;
    }

    private static string? NodeOfPod(Informers informers, IPAddress address)
    {
        var nodes = informers.For(Resources.Nodes);
        // Also a pod in its host's network.
        return nodes.List().FirstOrDefault(node => node.Metadata.Labels?.ContainsKey(KubeletTunnels.PodsLabel) == true
            && (PodNetworks.Of(node).Any(network => network.Contains(address)) || node.Status?.Addresses?.Any(own => own.Address == address.ToString()) == true))?.Metadata.Name;
    }

    /// <summary>A deleted node's name is free for another machine. A Node that K3s made waits for controllers of its own to let it go; what they would do is done
    /// without that here.</summary>
    private static async Task FreeNamesAsync(Informers informers, InProcessClient client, NodePasswords passwords, CancellationToken cancel)
    {
        var ending = Channel.CreateUnbounded<V1Node>();
        var nodes = informers.For(Resources.Nodes);
        using var subscription = nodes.Subscribe(change =>
        {
            if ((change.New ?? change.Old) is { } node && (change.New is null || node.Metadata.DeletionTimestamp is not null)) ending.Writer.TryWrite(node);
        });
        await foreach (var node in ending.Reader.ReadAllAsync(cancel))
        {
            var name = new NamespacedName("", node.Metadata.Name);
            if (nodes.Find(name) is null)
            {
                await passwords.ForgetAsync(name.Name, cancel);
                continue;
            }
            var others = (node.Metadata.Finalizers ?? []).Where(finalizer => finalizer is not ("wrangler.cattle.io/node" or "wrangler.cattle.io/managed-etcd-controller")).ToList();
            if (others.Count == (node.Metadata.Finalizers?.Count ?? 0)) continue;
            var metadata = new JsonObject { ["finalizers"] = new JsonArray([.. others.Select(finalizer => (JsonNode)finalizer)]), ["resourceVersion"] = node.Metadata.ResourceVersion };
            try
            {
                await client.PatchAsync(Resources.Nodes, name, new Patch(PatchType.Merge, new JsonObject { ["metadata"] = metadata }), null, cancel);
            }
            catch (StatusException changed) when (changed.Status.Code is 404 or 409)
            {
                // It is gone, or the change that came between is on its way here.
                continue;
            }
        }
    }

    private static KubeletClientOptions KubeletClient(ServerPki pki, Func<string, int, CancellationToken, ValueTask<Stream>>? dial)
    {
        var (certificate, key) = pki.Pair("client-kube-apiserver");
        var client = X509Certificate2.CreateFromPemFile(certificate, key);
        var serverCa = new X509Certificate2Collection();
        serverCa.ImportFromPem(pki.ServerCa.ChainPem);
        return new KubeletClientOptions(() => client, serverCa, dial);
    }

    private ServerPki OpenPki()
    {
        var names = new ServerNames(config.NodeName, config.ClusterDomain,
            [.. config.NodeIps, .. config.NodeExternalIps, config.AdvertiseAddress], config.ServiceAddresses, config.TlsSans);
        var pki = ServerPki.Open(config.Layout, names, time);
        if (config.RunsNode) pki.EnsureKubelet(config.NodeName, [.. config.NodeIps, .. config.NodeExternalIps]);
        return pki;
    }

    private void WriteKubeconfigs(ServerPki pki)
    {
        var (certificate, key) = pki.Pair("client-admin");
        KubeconfigFile.WriteAdmin(
            config.KubeconfigPath, config.KubeconfigMode, config.KubeconfigGroup, config.LocalUrl, pki.ServerCa.ChainPem, File.ReadAllText(certificate), File.ReadAllText(key));
        // A control plane beside another one (a test, a trial) leaves the machine's own place alone.
        if (config.RunsNode) KubeconfigFile.LinkDefault(config.KubeconfigPath);
    }

    private ApiServerOptions Options(ServerPki pki)
    {
        var (certificatePem, keyPem) = pki.Listener();
        // The chain goes along: a client that knows only the root checks it.
        var listener = X509Certificate2.CreateFromPem(certificatePem, keyPem);
        return new ApiServerOptions
        {
            Listen = config.Listen,
            AdvertiseAddress = config.AdvertiseAddress,
            ServingCertificate = _ => listener,
            ServiceCidrs = config.ServiceCidrs,
            NodePortFirst = config.NodePorts.First,
            NodePortLast = config.NodePorts.Last,
            LeastTlsVersion = config.ApiServer.Text("tls-min-version") switch
            {
                null or "" or "VersionTLS12" => SslProtocols.Tls12,
                "VersionTLS13" => SslProtocols.Tls13,
                var other => throw new InvalidDataException($"--kube-apiserver-arg: tls-min-version=\"{other}\" is not one of VersionTLS12, VersionTLS13"),
            },
            Flags = config.ApiServer.Last,
            GitVersion = Product.KubernetesVersion,
            GitCommit = Product.FullCommit,
            BuildDate = Product.BuildDate,
        };
    }

    private static AdmissionSettings AdmissionOf(ComponentArguments arguments)
    {
        var settings = new AdmissionSettings
        {
            NotReadySeconds = arguments.Number("default-not-ready-toleration-seconds", 300),
            UnreachableSeconds = arguments.Number("default-unreachable-toleration-seconds", 300),
        };
        return arguments.Text("admission-control-config-file") is { Length: > 0 } file ? settings.With(file) : settings;
    }

    private AuthenticationConfig Authentication(ServerPki pki, ServerTokens tokens)
    {
        var ownIssuer = $"https://kubernetes.default.svc.{config.ClusterDomain}";
        IReadOnlyList<string> issuers = config.ApiServer.List("service-account-issuer") is { Count: > 0 } given ? given : [ownIssuer];
        var clientCa = new X509Certificate2Collection();
        clientCa.ImportFromPem(pki.ClientCa.ChainPem);
        var requestHeaderCa = new X509Certificate2Collection();
        requestHeaderCa.ImportFromPem(pki.RequestHeaderCa.ChainPem);
        return new AuthenticationConfig
        {
            ClientCa = clientCa,
            ServiceAccountSigningKeyPem = File.ReadAllText(pki.ServiceAccountKey),
            ServiceAccountKeyPems = [File.ReadAllText(pki.ServiceAccountVerificationKeys)],
            ServiceAccountIssuers = issuers,
            ServiceAccountKeysUri = config.ApiServer.Text("service-account-jwks-uri") is { Length: > 0 } keysUri ? keysUri : null,
            // K3s' two, also when the issuer is another: who asks for a token for the API server by its usual name gets one that it takes.
            ApiAudiences = config.ApiServer.List("api-audiences") is { Count: > 0 } audiences ? audiences : [ownIssuer, "k3s"],
            ServiceAccountMaxTokenExpiration = config.ApiServer.Duration("service-account-max-token-expiration", TimeSpan.Zero),
            ExtendsTokenExpiration = config.ApiServer.Switch("service-account-extend-token-expiration", otherwise: true),
            AllowsAnonymous = config.ApiServer.Switch("anonymous-auth", otherwise: false),
            RequestHeader = new RequestHeaderConfig { ClientCa = requestHeaderCa, AllowedNames = ["system:auth-proxy"], ClientCaPem = pki.RequestHeaderCa.ChainPem },
            StaticPassword = (user, password) => tokens.GroupOf(user, password) is { } group ? new UserInfo(user, [group]) : null,
        };
    }

    private static Task WriteTextAsync(HttpContext http, string text, CancellationToken cancel)
    {
        http.Response.ContentType = "text/plain";
        return http.Response.WriteAsync(text, cancel);
    }
}
