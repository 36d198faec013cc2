using System.Net;
using System.Security.Cryptography.X509Certificates;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.InProcess;
using Bramble.ApiServer.Serving;
using Bramble.ApiServer.Verbs;
using Bramble.Client;
using Bramble.Configuration;
using Bramble.Storage;
using Bramble.Supervisor.Kubeconfigs;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tokens;
using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

/// <summary>A server, wired. Read <see cref="RunAsync"/> top to bottom: that is the start order; stopping runs it backwards. Pods go on when it ends.</summary>
internal sealed class ServerProcess(ServerConfig config, TimeProvider time, ILoggerFactory logs)
{
    private readonly ILogger _log = logs.CreateLogger("server");

    public async Task RunAsync(CancellationToken stop)
    {
        ServerLog.Starting(_log, Product.KubernetesVersion, Product.OwnVersion, config.Layout.Root);
        var pki = OpenPki();
        var tokens = ServerTokens.Open(config.Layout, pki.ServerCa.ChainPem, config.Token, config.AgentToken);

        await using var store = SqliteStore.Open(config.Layout.Database, time, logs);
        var cache = new WatchCache(store, time, logs);
        var authentication = Authentication(pki, tokens);
        _ = authentication;
        _ = cache;
        await Task.CompletedTask;
    }

    private ServerPki OpenPki()
    {
        var names = new ServerNames(config.NodeName, config.ClusterDomain,
            [.. config.NodeIps, .. config.NodeExternalIps, config.AdvertiseAddress], config.ServiceAddresses, config.TlsSans);
        return ServerPki.Open(config.Layout, names, time);
    }

    private AuthenticationConfig Authentication(ServerPki pki, ServerTokens tokens)
    {
        var issuers = config.ApiServer.List("service-account-issuer") is { Count: > 0 } given ? given : [$"https://kubernetes.default.svc.{config.ClusterDomain}"];
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
            // K3s adds its own audience to the issuer's.
            ApiAudiences = config.ApiServer.List("api-audiences") is { Count: > 0 } audiences ? audiences : [issuers[0], "k3s"],
            AllowsAnonymous = config.ApiServer.Switch("anonymous-auth", otherwise: false),
            RequestHeader = new RequestHeaderConfig { ClientCa = requestHeaderCa, AllowedNames = ["system:auth-proxy"], ClientCaPem = pki.RequestHeaderCa.ChainPem },
            StaticPassword = (user, password) => tokens.GroupOf(user, password) is { } group ? new UserInfo(user, [group]) : null,
        };
    }
}
