using Bramble.Api.Cel;
using Bramble.Api.Naming;

namespace Bramble.Controllers.PolicyTypeChecking;

/// <summary>A kind that a policy is about, and what is known of its objects.</summary>
internal sealed record CheckedKind(GroupVersionKind Kind, CelDeclaration Type)
{
    /// <summary>As Go writes a kind.</summary>
    public override string ToString() => $"{Kind.Group}/{Kind.Version}, Kind={Kind.Kind}";
}
