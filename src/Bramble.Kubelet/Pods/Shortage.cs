namespace Bramble.Kubelet.Pods;

/// <summary>A resource of which a node has too little for a pod; amounts in its own unit (cores, bytes).</summary>
internal sealed class Shortage(string resource, decimal requested, decimal used, decimal capacity)
{
    public string Resource => resource;
    public decimal Missing => requested + used - capacity;

    /// <summary>As upstream shows an amount: CPU in millicores.</summary>
    public static decimal Shown(string resource, decimal amount) => resource == "cpu" ? amount * 1000 : amount;

    public override string ToString() => FormattableString.Invariant(
        $"Node didn't have enough resource: {resource}, requested: {Shown(resource, requested):0}, used: {Shown(resource, used):0}, capacity: {Shown(resource, capacity):0}");
}
