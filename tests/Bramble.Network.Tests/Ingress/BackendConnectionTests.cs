using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Bramble.Network.Ingress.Proxying;

namespace Bramble.Network.Tests.Ingress;

public sealed class BackendConnectionTests
{
    /// <summary>One request in 300,000 was answered with 500.</summary>
    [Fact]
    public async Task A_receive_that_completes_while_it_is_looked_at_is_read_once()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var connection = await BackendConnection.OpenAsync((IPEndPoint)listener.LocalEndpoint, TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        Assert.True(await connection.TakenAsync(new ValueTask<int>(new OnceSource(), 0)));
        Assert.Equal(OnceSource.Count, connection.Unread.Length);
    }

    // As Socket's own: done, and reading the result gives it back to be used for the next receive.
    private sealed class OnceSource : IValueTaskSource<int>
    {
        public const int Count = 5;
        private bool _isRead;

        public ValueTaskSourceStatus GetStatus(short token) => ValueTaskSourceStatus.Succeeded;

        public int GetResult(short token)
        {
            if (_isRead) throw new InvalidOperationException("read twice");
            _isRead = true;
            return Count;
        }

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) => continuation(state);
    }
}
