// Mail that an actor and an agent of the same id sent to each other in another store.

import { rejected } from "../refusal.js";
import { findUnread } from "../wit/channels.js";

/** Whether a message is in the chain of another. */
export const leadsTo = (read, tip, message) => !findUnread(read, tip, message).fresh;

/**
 * Let the agent, by its `steps`, note the mail that the step of an actor shows. Throws Refusal rejected, with the code mail.
 * Spec: wasm.handoff.agent, session.restore.elsewhere.
 */
export function noteMail(steps, agent, { actor, inbox, outbox }) {
  const { read } = steps.workspace;
  const [cursor, said] = [inbox.get(agent), outbox.get(agent)];
  const sent = steps.head.outbox.get(actor);
  const isKnown = cursor === undefined || (sent !== undefined && leadsTo(read, sent, cursor));
  if (!isKnown) {
    if (sent !== undefined && !leadsTo(read, cursor, sent))
      throw rejected("what the actor read and what the agent sent are on two chains", "mail");
    steps.advance({ outbox: [[actor, cursor]] });
  }
  if (said !== undefined && steps.head.inbox.get(actor) !== said) steps.advance({ inbox: [[actor, said]] });
}
