export * from '@chat-cluster/testkit/portable';
