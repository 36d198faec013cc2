using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Admission;

/// <summary>Who of a plugin's webhooks or policies is called again in the second round of a mutating chain.</summary>
internal sealed class PluginRounds(Reinvocation reinvocation)
{
    private readonly HashSet<object> _mayBeAsked = [];
    private readonly HashSet<object> _again = [];
    private JsonObject? _lastSeen;

    /// <summary>False: one that has had its say in the first round.</summary>
    public bool MayCall(object caller) => !reinvocation.IsSecondRound || _again.Contains(caller);

    /// <summary>One was called; <paramref name="changed"/>: the object is another one now, so that those before it are asked again.</summary>
    public void Called(object caller, bool mayBeReinvoked, bool changed)
    {
        if (changed) Require();
        if (mayBeReinvoked) _mayBeAsked.Add(caller);
    }

    /// <summary>The plugin is about to look at <paramref name="obj"/>: if others have changed it since, all that may be asked are.</summary>
    public void Enter(JsonObject? obj)
    {
        if (reinvocation.IsSecondRound && !Strategies.TreeEquality.Same(obj, _lastSeen)) AskAgain();
    }

    /// <summary>What the plugin leaves behind. Kept in the first round: there is no third.</summary>
    public void Leave(JsonObject? obj) => _lastSeen = reinvocation.IsSecondRound || _mayBeAsked.Count + _again.Count == 0 ? null : (JsonObject?)obj?.DeepClone();

    /// <summary>There must be a second round, with all that may be asked again.</summary>
    public void Require()
    {
        reinvocation.Require();
        AskAgain();
    }

    private void AskAgain()
    {
        _again.UnionWith(_mayBeAsked);
        _mayBeAsked.Clear();
    }
}
