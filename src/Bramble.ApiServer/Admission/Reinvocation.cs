using System.Text.Json.Nodes;
using Bramble.ApiServer.Admission.Webhooks;

namespace Bramble.ApiServer.Admission;

/// <summary>The second round of a mutating chain. When a webhook changed the object, all plugins look at it once more, and of the webhooks those that asked for it
/// (reinvocationPolicy IfNeeded) and were called before a change that was not theirs. One write's.</summary>
public sealed class Reinvocation
{
    private readonly HashSet<Webhook> _mayBeAsked = [];
    private readonly HashSet<Webhook> _again = [];
    private JsonObject? _lastSeen;

    public bool IsNeeded { get; private set; }

    public bool IsSecondRound { get; private set; }

    public void Begin() => IsSecondRound = true;

    /// <summary>False: a webhook that has had its say in the first round.</summary>
    internal bool MayCall(Webhook webhook) => !IsSecondRound || _again.Contains(webhook);

    /// <summary>A webhook was called; <paramref name="changed"/>: the object is another one now, so that those before it are asked again.</summary>
    internal void Called(Webhook webhook, bool changed)
    {
        if (changed)
        {
            IsNeeded = true;
            Require();
        }

        if (webhook.MayBeReinvoked) _mayBeAsked.Add(webhook);
    }

    /// <summary>The webhooks are about to look at <paramref name="obj"/>: if others have changed it since, all that may be asked are.</summary>
    internal void Enter(JsonObject? obj)
    {
        if (IsSecondRound && !Strategies.TreeEquality.Same(obj, _lastSeen)) Require();
    }

    internal void Leave(JsonObject? obj) => _lastSeen = IsNeeded && !IsSecondRound ? (JsonObject?)obj?.DeepClone() : null;

    private void Require()
    {
        _again.UnionWith(_mayBeAsked);
        _mayBeAsked.Clear();
    }
}
