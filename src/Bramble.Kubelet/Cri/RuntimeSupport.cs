namespace Bramble.Kubelet.Cri;

/// <summary>What the runtime has said it can do. containerd before 2.0 says nothing, and nothing of it is then relied on. Thread-safe.</summary>
internal sealed class RuntimeSupport
{
    private StatusResponse? _last;

    public void Update(StatusResponse status) => Volatile.Write(ref _last, status);

    public IReadOnlyList<RuntimeHandler> Handlers => Volatile.Read(ref _last)?.RuntimeHandlers is { } handlers ? handlers : [];

    /// <summary>Null: it does not say.</summary>
    public bool? SupplementalGroupsPolicy => Volatile.Read(ref _last)?.Features?.SupplementalGroupsPolicy;

    /// <param name="handler">Of a RuntimeClass; empty: the default one.</param>
    public bool HasUserNamespaces(string handler) => Of(handler)?.UserNamespaces == true;

    /// <param name="handler">Of a RuntimeClass; empty: the default one.</param>
    public bool HasRecursiveReadOnly(string handler) => Of(handler)?.RecursiveReadOnlyMounts == true;

    private RuntimeHandlerFeatures? Of(string handler) => Handlers.FirstOrDefault(h => h.Name == handler)?.Features;
}
