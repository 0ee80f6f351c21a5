/// What the two ends of the connector's sockets tell.
extension Metric {
  static let ofServer = [subscribers, subscriberConnections, subscriberEnds, receivedMessages]
  static let ofSubscription = [subscriptions, subscriptionConnects, subscriptionFailures]

  public static let subscribers = Metric(
    "pbs_connector_subscribers", .gauge, "Processes that are connected to this one's socket",
    labels: ["role"])
  public static let subscriberConnections = Metric(
    "pbs_connector_subscriber_connections_total", .counter,
    "Connections to this process's socket that said hello", labels: ["role"])
  public static let subscriberEnds = Metric(
    "pbs_connector_subscriber_failures_total", .counter,
    "Connections to this process's socket that ended in trouble, or were closed for it")
  public static let receivedMessages = Metric(
    "pbs_connector_received_messages_total", .counter, "Messages of subscribers that do the work")

  public static let subscriptions = Metric(
    "pbs_connector_subscriptions_connected", .gauge,
    "Sockets of other processes to which this one is connected")
  public static let subscriptionConnects = Metric(
    "pbs_connector_subscription_connects_total", .counter,
    "Connections made to other processes' sockets: the first ones, and reconnects")
  public static let subscriptionFailures = Metric(
    "pbs_connector_subscription_failures_total", .counter,
    "Connections to other processes' sockets that ended or could not be made")
}
