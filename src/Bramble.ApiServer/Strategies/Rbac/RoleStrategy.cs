using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Roles and ClusterRoles.</summary>
internal sealed class RoleStrategy(bool isClusterScoped) : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool AllowsCreateOnUpdate => true;

    public bool IsClusterScoped => isClusterScoped;

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.PathSegment(name, isPrefix);

    public override void Validate(JsonObject role, FieldErrors errors, StrategyContext context) => RbacRules.ValidateRole(role, isClusterScoped, errors);
}
