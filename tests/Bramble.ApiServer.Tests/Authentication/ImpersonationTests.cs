using Bramble.Api.Errors;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Tests.Authentication;

public sealed class ImpersonationTests
{
    private static readonly AccessAttributes ListPods = new(new UserInfo("bob", ["system:authenticated"]), "list", "", "v1", "pods", "", "n", "", true, "");

    public static TheoryData<string, string, string> WithoutUser => new()
    {
        { "Impersonate-Group", "g", """requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)} without impersonating a user name""" },
        { "Impersonate-Uid", "u", """requested &user.DefaultInfo{Name:"", UID:"u", Groups:[]string(nil), Extra:map[string][]string(nil)} without impersonating a user name""" },
        { "Impersonate-Extra-A", "x", """requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string(nil), Extra:map[string][]string{"a":[]string{"x"}}} without impersonating a user name""" },
    };

    [Theory, MemberData(nameof(WithoutUser))]
    public void Groups_uid_and_extra_need_a_user(string header, string value, string message)
    {
        var refused = Assert.Throws<StatusException>(() => new Impersonation(new Allowing(_ => true)).Apply(ListPods, new HeaderDictionary { [header] = value }));
        Assert.Equal((400, message), (refused.Status.Code, refused.Status.Message));
    }

    [Fact]
    public void The_first_refusal_is_the_answer() =>
        Assert.Equal(
            "pods is forbidden: User \"bob\" cannot impersonate-on:user-info:list resource \"pods\" in API group \"\" in the namespace \"n\"",
            Assert.Throws<StatusException>(() => new Impersonation(new Allowing(_ => false)).Apply(ListPods, new HeaderDictionary { ["Impersonate-User"] = "alice" })).Status.Message);

    [Fact]
    public void The_old_verb_goes_on_working_and_is_then_asked_first()
    {
        var impersonation = new Impersonation(new Allowing(a => a is { Verb: "impersonate", Name: "alice" }));
        var alice = impersonation.Apply(ListPods, new HeaderDictionary { ["Impersonate-User"] = "alice" });
        Assert.Equal(["system:authenticated"], alice.Groups);
        Assert.Equal(
            "users \"carol\" is forbidden: User \"bob\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
            Assert.Throws<StatusException>(() => impersonation.Apply(ListPods, new HeaderDictionary { ["Impersonate-User"] = "carol" })).Status.Message);
    }

    [Fact]
    public void A_service_account_brings_its_groups() =>
        Assert.Equal(
            ["system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"],
            new Impersonation(new Allowing(_ => true)).Apply(ListPods, new HeaderDictionary { ["Impersonate-User"] = "system:serviceaccount:n:s" }).Groups);

    private sealed class Allowing(Func<AccessAttributes, bool> may) : IAuthorizer
    {
        public AccessAnswer Authorize(AccessAttributes attributes) => new(may(attributes) ? AccessDecision.Allow : AccessDecision.NoOpinion);
    }
}
