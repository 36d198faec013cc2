using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to IPAddresses: the name is the address.</summary>
internal sealed class IPAddressStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => AddressRules.Name(name);

    public override void Validate(JsonObject address, FieldErrors errors, StrategyContext context) => AddressRules.ValidateAddress(address, errors);

    public override void ValidateUpdate(JsonObject address, JsonObject old, FieldErrors errors, StrategyContext context) =>
        AddressRules.ValidateAddressUpdate(address, old, errors);
}
