using Bramble.Api.Errors;
using Bramble.ApiServer.Proxying;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Bramble.ApiServer.Tests.Proxying;

public sealed class PodLogOptionsTests
{
    [Theory]
    [InlineData("tailLines=", 400, "strconv.ParseInt: parsing \"\": invalid syntax")]
    [InlineData("tailLines=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax")]
    [InlineData("sinceTime=x", 400, "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"")]
    [InlineData("tailLines=-1", 422, "PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0")]
    [InlineData("limitBytes=0", 422, "PodLogOptions \"p\" is invalid: limitBytes: Invalid value: 0: must be greater than 0")]
    [InlineData("sinceSeconds=0", 422, "PodLogOptions \"p\" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0")]
    [InlineData("sinceSeconds=5&sinceTime=2020-01-01T00:00:00Z", 422, "PodLogOptions \"p\" is invalid: []: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified")]
    [InlineData("stream=All", 422, "PodLogOptions \"p\" is invalid: stream: Forbidden: may not be specified")]
    public void What_makes_no_sense_is_refused(string query, int code, string message)
    {
        var status = Assert.Throws<StatusException>(() => PodLogOptions.Check(Query(query), "p")).Status;
        Assert.Equal((code, message), (status.Code, status.Message));
    }

    [Fact]
    public void The_kubelet_hears_what_it_needs() =>
        Assert.Equal("?follow=true&timestamps=true&tailLines=5&sinceTime=2020-01-01T00%3A00%3A00Z", PodLogOptions.Check(Query("follow=1&previous=false&timestamps&container=c&tailLines=5&sinceTime=2020-01-01T00:00:00Z"), "p"));

    private static QueryCollection Query(string text) => new(QueryHelpers.ParseQuery(text));
}
