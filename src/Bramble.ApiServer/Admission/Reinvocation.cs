namespace Bramble.ApiServer.Admission;

/// <summary>The second round of a mutating chain. When a webhook or a policy changed the object, all plugins look at it once more, and of the webhooks and policies those that asked for it
/// (reinvocationPolicy IfNeeded) and were called before a change that was not theirs. One write's.</summary>
public sealed class Reinvocation
{
    private readonly Dictionary<string, PluginRounds> _plugins = new(StringComparer.Ordinal);

    public bool IsNeeded { get; private set; }

    public bool IsSecondRound { get; private set; }

    public void Begin() => IsSecondRound = true;

    internal void Require() => IsNeeded = true;

    /// <summary>The rounds of one plugin, by its name.</summary>
    internal PluginRounds Of(string plugin)
    {
        if (!_plugins.TryGetValue(plugin, out var rounds)) _plugins[plugin] = rounds = new PluginRounds(this);
        return rounds;
    }
}
