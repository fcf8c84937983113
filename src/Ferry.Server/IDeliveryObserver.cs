namespace Ferry.Server;

/// <summary>
/// Hears of what arrives. Register one as a service beside <c>AddFerryServer</c>, or pass it to <see cref="FerryServer.StartAsync"/>. Calls come
/// from any thread, many at a time; what they do delays the delivery they are about, and what they throw ends its connection.
/// </summary>
public interface IDeliveryObserver
{
    /// <summary>An entry is over: stored, or not.</summary>
    /// <param name="receipt">What the sender is told.</param>
    void Received(Receipt receipt);

    /// <summary>A delivery is over. A connection that offers nothing is none.</summary>
    /// <param name="delivery">How it went.</param>
    void Ended(DeliverySummary delivery);
}
