// Package webhook posts alert mail as JSON to an HTTP address: of Slack,
// Mattermost and others that take a text, or of a program of one's own.
//
//	core.WithAlerts(webhook.To("webhook+https://hooks.example.com/alerts#secret=k3y"), "ops@example.com")
//
// A program that imports it can name such an address in --alerts; mail.Tee sends by
// mail, too. It is a package of its own because it links net/http.
//
// # What is posted
//
// One object for each mail, as application/json:
//
//	{
//	  "text": "poller Alert: …",            what chats show: subject and text
//	  "id": "1f3k.123.1@web1",              the Message-ID: the same at each attempt
//	  "references": ["1f3k.123.0@web1"],    of the thread's earlier mails
//	  "to": ["ops@example.com"],
//	  "subject": "poller Alert: …",
//	  "body": "…",
//	  "time": "2026-11-23T08:12:44Z",
//	  "alerts": 1                           how many alerts it tells of
//	}
//
// In "text" the characters & < > are written as &amp; &lt; &gt;, as Slack asks for,
// so that no log line can call a channel; it has at most 10,000 characters. The
// other members hold the mail as it is.
//
// The header Idempotency-Key has the id, too. A receiver that looks at it takes no
// mail twice: one that was taken, but whose answer was lost, is posted again.
//
// # The signature
//
// With a secret, the header X-Evertick-Signature-256 is "sha256=" and the
// HMAC-SHA256 of the body under the secret, in hexadecimal digits: the form of
// GitHub's X-Hub-Signature-256. [Verify] checks it. The time and the id are part of
// what is signed, by which a receiver can refuse an old one.
//
// # What an answer means
//
// 2xx is delivered. A redirect is refused and not followed: it would take the
// secret's bearer elsewhere. 408, 425, 429 and 5xx are tried again by the queue, not
// before what Retry-After says, and so is all trouble with the connection. Every
// other 4xx is an error that another try does not cure.
package webhook
