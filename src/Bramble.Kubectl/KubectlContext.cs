using Bramble.Kubectl.Connection;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl;

/// <summary>What a command works with: its words, the server, where output goes.</summary>
internal sealed class KubectlContext(Arguments arguments, KubeConfig config, TextWriter output, TextWriter error, TimeProvider time) : IDisposable
{
    private RestMapper? _mapper;

    public Arguments Arguments { get; } = arguments;
    public KubeConfig Config { get; } = config;
    public ApiConnection Api { get; } = new(config, arguments, error);
    public TextWriter Out { get; } = output;
    public TextWriter Error { get; } = error;
    public TimeProvider Time { get; } = time;

    public string Namespace => Config.Namespace;

    public bool IsForAllNamespaces => Arguments.IsSet("all-namespaces");

    public DateTimeOffset Now => Time.GetUtcNow();

    public async Task<RestMapper> MapperAsync(CancellationToken cancel) => _mapper ??= await RestMapper.ReadAsync(Api, cancel);

    public string NamespaceOf(KnownResource resource) => resource.IsNamespaced && !IsForAllNamespaces ? Namespace : "";

    public void Dispose() => Api.Dispose();
}
