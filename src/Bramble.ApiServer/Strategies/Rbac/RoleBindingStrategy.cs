using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to RoleBindings and ClusterRoleBindings.</summary>
internal sealed class RoleBindingStrategy(bool isClusterScoped) : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    private const string RbacGroup = "rbac.authorization.k8s.io";

    public override bool AllowsCreateOnUpdate => true;

    public bool IsClusterScoped => isClusterScoped;

    public override void Default(JsonObject binding)
    {
        binding.Child("roleRef").DefaultText("apiGroup", RbacGroup);
        foreach (var (_, subject) in binding.Items("subjects"))
            if (subject.Text("kind") is "User" or "Group") subject.DefaultText("apiGroup", RbacGroup);
    }

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.PathSegment(name, isPrefix);

    public override void Validate(JsonObject binding, FieldErrors errors, StrategyContext context) => RbacRules.ValidateBinding(binding, isClusterScoped, errors);

    public override void ValidateUpdate(JsonObject binding, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        RbacRules.ValidateBinding(binding, isClusterScoped, errors);
        RbacRules.RoleRefStays(binding, old, errors);
    }
}
