"""The words and phrases of guardrail English, and the token each becomes. Longest phrase wins.

A few words are listed with the reason why no rule may contain them (`VAGUE`, `UNSUPPORTED`): these are reported with
that reason rather than as unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..catalogue import RECORD_ENTITIES, Catalogue
from ..countries import DISPLAY

Entry = tuple[str, object]

_PHRASES: dict[str, str] = {
    # articles, quantifiers, pronouns
    "DET": "a|an|the|any|all|every|our|any of the|all of the|all the|each of the|every single|those|these|some of the|all our|any of our|all of our",
    "EACH": "each",
    "POSS": "its|their|his|her",
    "PRON": "they|it|he|she|them|this record|the record|that record",
    "THOSE": "anyone|anything|anybody|ones|the ones|the following|everyone|everything|any that",
    "WHOSE": "whose|with its|with their",
    "THAT": "that|who|which|that's|who's",
    "WHERE": "where|for which|in which case",
    "IF": "if|when|whenever|provided|provided that|as long as|so long as|given that|in case|in the case that|on condition that|assuming",
    "ONLYIF": "only if|only when|only where|but only if|but only when|if and only if|only as long as|just when|only whenever|only",
    "EXC": "unless|except|except for|excluding|exclude|skip|leave out|other than|apart from|not including|"
    "except if|except when|except where|except those|except the ones|but not if|but not when|but not where|"
    "not if|not when|leave alone|never touch|don't touch|do not touch|ignore|never for|not for|don't include|"
    "do not include|but not|omit|with the exception of|save for|aside from|excluding those|excluding any|"
    "do not do this for|don't do this for|never do this for|do not do this if|don't do this if|don't do it if|"
    "never do this if|but never|but never for|but skip|but exclude|but leave out|but not for|but leave alone|even if not|"
    "but never if|but never when|never when|never if|not where|don't if|but don't if|just not|just not for|just not if",
    # connectives
    "AND": "and|and also|as well as|and that|and who|and which|&",
    "OR": "or|or that|or who|or which|or else",
    "BUT": "but|yet|but also|while|whilst|and yet",
    "NOR": "nor",
    "EITHER": "either",
    "BOTH": "both",
    "NEITHER": "neither|neither of|none of|not any of",
    "ANYOF": "any of|one of|at least one of|any one of|one or more of",
    "ALLOF": "all of",
    "THEN": "then",
    "NOT": "not|never",
    "NOTTRUE": "it is not true that|it's not true that|not true that|it is not the case that",
    "THESE": "these|the following|these conditions|the following conditions",
    "OFTHESE": "of these|of the following|of these conditions|of the following conditions",
    "TRUEW": "are true|hold|is true|apply|are met|holds|applies",
    # be and have
    "BE": "is|are|was|were|been|be|has been|have been|had been|is being|must be|should be|they're|it's been|who've been|is currently|are currently|has to be|have to be|needs to be|need to be|have already been|has already been|'ve been|they've been|who're|it's|being|is now|are now|got|gets|get|becomes|become",
    "NBE": "is not|are not|was not|were not|isn't|aren't|wasn't|weren't|has not been|have not been|hasn't been|haven't been|is never|are never|has never been|have never been|must not be|should not be|cannot be|can't be|mustn't be|shouldn't be|are not currently|is not currently|not being|isn't currently|aren't currently|have not yet been|haven't yet been|hasn't yet been|is not yet|are not yet|isn't yet|aren't yet",
    "HAVE": "there are|there is|we have|we've|we|has|have|had|having|must have|should have|carry|carries|carrying|bearing|needs to have|need to have|has had|have had|contains|i have|show|shows|showing",
    "WITH": "with",
    "NPREP": "outside|outside of|not based in|not located in|not living in|not from|not in|not at",
    "NHAVE": "we haven't|we have not|we've not|we have never|nobody has|no one has|nobody's|we didn't|we did not|nobody|no one|does not have|do not have|doesn't have|don't have|has not|have not|hasn't|haven't|without|without a|without an|without any|"
    "has no|have no|with no|lacking|lacks|lack|missing|has never|have never|never|did not have|didn't have|must not have|"
    "should not have|mustn't have|shouldn't have|is missing|are missing|that lack|do not carry|don't carry|doesn't carry|does not carry|"
    "has not had|have not had|hasn't had|haven't had|did not|didn't|without having|has not yet|have not yet|hasn't yet|haven't yet|does not|doesn't|having no|must have no|should have no|not having|has never had|have never had",
    "OF": "of",
    "WORKAT": "work at|works at|working at|who work for|works for|work for|employed by|working for",
    # tags
    "TAGN": "tag|tags|label|labels",
    "TAGGED": "tagged|tagged with|tagged as|labelled|labeled|labelled as|labeled as|labelled with|labeled with|with the tag|with tag|with tags|with the tags|with the label|with label|with a tag|tagged with the tag|tagged with tag|with the labels",
    "UNTAGGED": "untagged|with no tags|without tags|without any tags|with no tag|without any tag",
    "INCL": "include|includes|contain|contains|including|containing",
    "NINCL": "do not include|does not include|don't include|doesn't include|do not contain|does not contain|don't contain|doesn't contain",
    # owners
    "OWNEDBY": "owned by|assigned to|belonging to|belongs to|belong to|that belong to",
    "NOWNEDBY": "don't belong to|do not belong to|doesn't belong to|does not belong to|that don't belong to|not belonging to|not owned by|not assigned to",
    "NOOWNER": "unowned|unassigned|ownerless|without an owner|with no owner|not assigned to anyone|owned by no one|owned by nobody|not owned by anyone",
    # places
    "PREP": "in|at|from|based in|located in|living in|live in|lives in|inside|based out of|sitting in|currently in|sitting at|currently at",
    "AT": "@",
    # comparison
    "GT": "more than|over|greater than|above|longer than|exceeding|exceeds|higher than|larger than|bigger than|in excess of|>|strictly more than|beyond|upwards of|north of",
    "GE": "at least|no less than|not less than|minimum of|a minimum of|>=|≥|no fewer than|a minimum|minimum|min|at a minimum|not under|not below|no earlier than",
    "WLE": "with no more than|with at most|with up to|has no more than|have no more than|has at most|have at most|has up to|have up to|with not more than|having at most|with a maximum of|with max",
    "WGE": "with no less than|with no fewer than|has no fewer than|have no fewer than|having no fewer than|has no less than|have no less than",
    "WORTH": "worth|valued at|valued|of value|totaling|totalling",
    "LT": "less than|under|below|fewer than|lower than|smaller than|<|shorter than|strictly less than",
    "LE": "at most|no more than|not more than|up to|maximum of|a maximum of|max|maximum|<=|≤|not exceeding|no longer than|no greater than|no higher than|never more than|not over|not above|no larger than|max of|a max of|not longer than|a maximum|upto|at the most",
    "EQ": "exactly|equal to|equals|precisely|=|==",
    "BETWEEN": "between|anywhere between",
    "POSTGE": "or more|or longer|or above|or older|or higher|or greater|or over|and up|and above|plus|and over|or larger|or bigger|+",
    "POSTLE": "or less|or fewer|or under|or below|or lower|or newer|or smaller|or shorter|and under|and below",
    # time
    "NEW": "new|newly created|newly added|brand new|brand-new|newly-created",
    "SILENT": "goes quiet|goes silent|goes dark|goes cold|goes stale|falls silent|silent|quiet|inactive|idle|dormant|stale|untouched|gone quiet|gone silent|gone dark|gone cold|went quiet|went silent|went dark|went cold|gone stale|gone idle|going silent|going quiet|gone inactive|cold|dark",
    "NOACT": "without activity|with no activity|without any activity|with zero activity|no activity|zero activity|not any activity|no recorded activity|no logged activity|there has been no activity|there's been no activity|there have been no activities|there was no activity|there is no activity|there's no activity|there has not been any activity|there hasn't been any activity|no activities|has had no activity|have had no activity|has no activity|have no activity|had no activity|no activity has been recorded|no activity has been logged|no activity at all|nothing has happened|saw no activity|seen no activity|have seen no activity|has seen no activity|show no activity|shows no activity|without recorded activity|showing no activity|without logged activity",
    "ACT": "active|been active|activity|any activity|activities|had activity|had any activity|some activity|seen any activity|recorded activity|seen activity|shown any activity",
    "OLDER": "older than|that are older than|are older than|is older than",
    "NEWER": "newer than|younger than|are newer than|is newer than|are younger than|is younger than|more recent than",
    "OLD": "old|of age",
    "INLAST": "in the last|in the past|within the last|within the past|over the last|during the last|over the past|during the past|in last|within last|in the previous|within the previous|for the last|for the past|in past|these past|over the previous|since the last|at any time in the last|at any point in the last",
    "INNEXT": "in the next|within the next|over the next|during the next|in the coming|within the coming|in next|within next|over the coming",
    "WITHIN": "within",
    "AGO": "ago",
    "FROMNOW": "from now|from today|away|out",
    "BEFORE": "before|prior to|earlier than|ahead of",
    "AFTERD": "later than",
    "SINCE": "since|starting|starting from|from and including|on or after|as of|at or after",
    "UNTIL": "until|by|up until|on or before|through|no later than|not later than|at or before",
    "ON": "on",
    "PASSED": "has passed|is in the past|has already passed|is past|is overdue|passed|was missed|lies in the past|have passed|are in the past",
    "FOR": "for|lasting",
    "TO": "to",
    "AS": "as",
    "FIRSTOF": "of being|after being|of it being|of them being|of their being|of its being|after it was|after they were|after it is|of when it was|of when they were|after having been|from being|from when it was|from when they were|of having been|of getting|after getting|of it having been|once they are|once it is|of the time it was|of the moment it was|following",
    "OFTHE": "of the|after the|of their|of its|after their|after its|from the|from their|from its|of|after|from|following the|following its|following their",
    # flags
    "UNSUB": "unsubscribed|opted out|opted-out|opted out of email|opted out of e-mail|opted out of emails|unsubscribed from email|unsubscribed from emails|opted out of marketing|unsubscribed from our emails|opt out|unsubscribed from e-mail|unsubscribe",
    "SUBBED": "subscribed|still subscribed|opted in",
    "CLOSED": "closed|already closed",
    "EMPTYW": "empty|missing|blank|unknown|unset|not set|not known|not filled in|null|not there|not given|not present|not available|not filled",
    "SETW": "set|known|filled in|present|not empty|not blank|given|not missing|available|not unknown",
    "REVERSIBLE": "reversible|undoable",
    # mail
    "EMAILN": "email|emails|e-mail|e-mails|mail|mails|email sent to them|emails sent to them|email to them|emails to them|email we sent|emails we sent|email we have sent|emails we have sent|email we sent them|emails we sent them|email we've sent|emails we've sent|emails sent to the contact|email sent to the contact|sent email|sent emails|email we've sent them|emails we've sent them|email we have sent them|emails we have sent them",
    "BOUNCED": "bounced|bounce|has bounced|have bounced|bounces|bouncing|bounced back|has bounced back|have bounced back|is bouncing|are bouncing|came back bounced|hard bounced|has hard bounced|have hard bounced|had bounced",
    "BOUNCEDALL": "have all bounced|all bounced|all have bounced|have all hard bounced|all of which have bounced|all of which bounced|all of them bounced",
    "NOTBOUNCED": "has not bounced|have not bounced|hasn't bounced|haven't bounced|did not bounce|didn't bounce|not bounced",
    "NONE": "no|none|not one|not a single|zero",
    "REPLYW": "reply|respond|answer",
    "EMAILOBJ": "follow-up|follow-ups|follow up|follow ups|followup|followups|follow-up email|follow-up emails|follow up email|follow up emails|follow-up e-mail|follow-up e-mails|follow-up message|follow-up messages|message|messages|replies|follow-up mail|follow-up mails|followup email|followup emails|check-in email|check-in emails|reminder email|reminder emails|outreach email|outreach emails|intro email|intro emails|note by email|email reply|email replies|email follow-up|email follow-ups|reminder|reminders|re-engagement email|re-engagement emails|nudge|nudges|check-in|check-ins|welcome email|welcome emails|thank-you email|thank-you emails|renewal email|renewal emails|response|responses|a check-in message|follow-up note|email message|email messages|renewal reminder|renewal reminders|introduction email|introduction emails",
    "RECIP": "recipient|recipients|addressee|addressees|address|addresses|person|people",
    "INTERNALTO": "addressed to|going to|sent to|that go to|which go to|goes to|go to",
    # operations
    "AUTO": "auto|automatically|auto-|autonomously|go ahead and|always",
    "PERM": "please|you may|you can|coco may|coco can|coco should|feel free to|it is ok to|it's ok to|it's okay to|it is okay to|it is fine to|it's fine to|it is safe to|it's safe to|ok to|okay to|let coco|allow coco to|you are allowed to|you're allowed to|you should|i want you to|i'd like you to|we want you to|i want coco to|the agent may|the agent can|let the agent|allow the agent to|the workflow may|the workflow can|the workflow should|it may|just|let it|allow it to|the assistant may|the assistant can|coco is allowed to|we allow coco to|i allow coco to|i allow you to|permit coco to|coco will|you're free to|you are free to|fine to|have coco|get coco to|make sure to|kindly|this workflow may|this workflow can|we let coco|we'd like you to|i'm fine with you|i would like you to|may|can|allowed to|safe to|let the workflow|allow the workflow to|coco must|we want coco to",
    "PERMGER": "we're ok with|we are ok with|we're fine with|we're okay with|i'm okay with|allow|permit|you may start|approve|i approve|i'm ok with|i am ok with|i'm fine with|enable|i allow|we allow",
    "ISFINE": "is fine|is ok|is okay|is allowed|is permitted|is approved|are fine|are ok|are allowed|is safe|may happen automatically|can happen automatically|may run automatically|can run automatically|can run on its own|may run on its own|may proceed|can proceed|is pre-approved|are permitted|can go ahead|may go ahead|is automatically approved",
    "MODAL": "may be|can be|should be|are to be|is to be|will be|get|gets|can get|should get|may get|can always be|may always be|must be|shall be|can safely be|need to be|needs to be|are allowed to be|is allowed to be|are|is|may now be|can now be",
    "UPDATED": "updated|last updated|edited|been updated",
    "MOVE": "move|moving|advance|push|moved",
    "ADD": "add|adding|apply|put|attach|set",
    "REMOVE": "remove|removing|strip|take off|drop",
    "DRAFT": "draft|drafts|drafting|drafted|prepare|write up|draft up|prepare drafts of|create drafts of|compose drafts of",
    "DRAFTOBJ": "prepare a draft|create a draft|write a draft|prepare drafts|create drafts|write drafts|create draft|make drafts|make a draft|creating drafts|preparing drafts|compose a draft|compose drafts",
    "SEND": "send|sending|sent|send out",
    "NEVERDO": "never|don't|do not|must not|must never|under no circumstances|in no case|don't ever|do not ever|you must never|you may not|you must not|you may never|coco must never|coco may never|coco may not|may not|cannot",
    "MOVETO": "into|over to|back to|along to|forward to",
    # modes
    "QUEUE": "queue drafts for review|queue the drafts for review|queue them for review|queue for review|queue it for review|queue drafts for my review|queue the drafts for my review|queue them for my review|queue for my review|queue everything for review|queue all drafts for review|leave them for review|leave drafts for review|leave the drafts for review|leave the drafts for me|leave them for me to review|leave them in the queue|drafts only|draft only|only draft|only drafts|just drafts|just draft|save as draft|save as drafts|save them as drafts|save it as a draft|keep them as drafts|keep as drafts|keep it as a draft|hold drafts for review|hold them for review|hold for review|hold the drafts for review|put the drafts in the queue for review|put them in the review queue|put drafts in the review queue|put drafts in my review queue|put them in my review queue|put drafts in my queue|put the drafts in my queue|add them to the review queue|for review|for my review|for me to review|i will review them|i'll review them|i will review the drafts|i'll review the drafts|i will review drafts|i'll review drafts|drafts go to review|drafts go to my queue|the drafts go to my queue|drafts should be queued for review|the drafts should be queued for review|all drafts go to review|let me review the drafts|let me review them|let me review drafts|let me review each draft|queue each draft for review|queue every draft for review|i'll send them myself|i will send them myself|i send them myself|i'll send it myself|leave sending to me|leave them as drafts|leave as drafts|leave it as a draft|leave as a draft|as a draft|as drafts|and wait for my review|drafts wait for my review|the drafts wait for my review|drafts wait for review|drafts are queued for review|the drafts are queued for review|queue up drafts for review|queue up the drafts for review|queue them up for review|queue them up|queue drafts|queue the drafts|save them to drafts|leave them in drafts|save to drafts|i want to review them|i want to review drafts|i want to review the drafts|i want to review each one|keep everything as a draft|put everything in the review queue|put it in the review queue|i review every draft|i'll review each draft|drafts stay in the queue|the drafts stay in the queue|stage them for review|park them for review|store them as drafts|store as drafts|i'll review them before they go out|i'll review before anything goes out|leave everything as a draft|queue these for review|leave these for review|drafts must be reviewed by me|queue for me to review|queue them for me to review|queue drafts for me to review|queue the drafts for me|queue drafts for me",
    "NOSEND": "don't send|do not send|never send|without sending|don't send anything|do not send anything|don't send them|do not send them|don't send it|do not send it|never send anything|never send them|never send it|don't actually send|do not actually send|nothing is sent|nothing gets sent|nothing should be sent|nothing should go out|nothing goes out|don't send any|do not send any|no sending|not send|without sending them|without sending anything|without sending it|don't send yet|do not send yet|don't send them yet|don't send anything yet|don't send the drafts|do not send the drafts|don't send any emails|do not send any emails|don't send any email|do not send any email|never send emails|don't send emails|do not send emails|don't mail them|nothing leaves|nothing may be sent|no emails go out|never send messages|don't send messages|do not send messages|never send a draft|never send drafts|don't send drafts|never send the drafts|but don't send|never auto-send|don't auto-send|do not auto-send|never actually send|don't hit send|without actually sending|without actually sending them|not sending|sending is not allowed|sending stays with me|no emails should be sent|no email is sent|no emails are sent|no mail goes out|nothing may go out|nothing can be sent|don't send any messages|never send any email|never send any emails",
    "NOTIFY": "notify me first|tell me first|let me know first|warn me first|ping me first|message me first|notify me beforehand|notify me before|tell me before|let me know before|let me know beforehand|tell me beforehand|warn me beforehand|notify me in advance|tell me in advance|let me know in advance|warn me in advance|warn me before|warn me before doing it|give me a heads-up first|give me a heads up first|give me a heads-up|give me a heads up|notify me before doing so|notify me before doing it|notify me before running|notify me before archiving|notify me before you do it|notify me before acting|tell me before doing so|tell me before doing it|tell me before you do it|tell me before acting|let me know before doing so|let me know before doing it|let me know before you do it|let me know before acting|alert me first|inform me first|inform me before|alert me before|send me a notification first|but notify me first|but tell me first|but let me know first|notify me first before running|ping me before|ping me beforehand|notify the owner first|notify us first|i want to be notified first|i want to be told first|i want a heads-up first|i want a heads-up|i must be notified first|i should be notified first|notify me before each one|notify me before sending|tell me before sending|let me know before sending|notify me before you send|notify me before moving|notify me before deleting|notify me first every time|always notify me first|notify me up front|first notify me|first tell me|first let me know",
    "NOTIFYBARE": "notify me|tell me|let me know|warn me|alert me|ping me|inform me|message me|i am notified|i'm notified",
    "GIVEME": "give me|with|after giving me|and give me",
    "NOTICE": "notice|hours notice|of notice|advance notice|warning|of warning|heads-up|of advance notice|advance warning|to object|to stop it|to stop|to veto|to react|to intervene|to cancel|to cancel it|to say no|to step in",
    "BEFOREHAND": "before|beforehand|in advance|ahead|ahead of time|before running|before doing so|before doing it|before archiving|before sending|before it runs|before you do it|before acting|before anything happens|before they run|before anything runs|before moving|before that",
    "WAIT": "wait|waiting|and wait|then wait|wait for|wait at least|hold for|hold off for|hold off|pause|pause for|wait another|hold|and then wait|and hold",
    "THENRUN": "then run|then run it|then go ahead|and then run|and then go ahead|then proceed|and then proceed|then do it|then archive them|then send them|before running|before going ahead|before proceeding|before doing it|before acting|and then do it|and then archive them|then carry on|then run it anyway|then continue|then execute|then do so|and then archive|and then send them|and then move them|then move them|then carry out",
    "UNLESSSTOP": "unless i stop it|unless i stop you|unless i object|unless i say no|unless i say stop|unless stopped|unless i cancel|unless i cancel it|unless i stop them|if i don't object|if i do not object|if i don't stop it|if i do not stop it|unless i veto it|unless i intervene|unless i say otherwise|unless i tell you not to|so i can stop it|so that i can stop it|so i can object|so i can stop it if needed|so i can cancel|so i can cancel it|unless i veto|if i haven't stopped it|if i haven't objected|unless i decline|unless i reject it|so i can intervene|so i can veto it",
    "OFFLINEOK": "run even if i am offline|even if i am offline|even if i'm offline|run even when i am offline|even when i'm offline|even when i am offline|run even if i'm offline|no answer means yes|silence means yes|no reply means yes|silence is consent|if i don't answer, go ahead|if i don't respond, go ahead|go ahead if i don't answer|go ahead if i don't respond|go ahead if i don't reply|proceed if i don't respond|proceed if i don't answer|no response means yes|silence counts as yes|if i do not answer, go ahead|if i don't reply, go ahead|go ahead even if i'm offline|go ahead even if i am offline|whether or not i am online|whether or not i'm online|go ahead if you don't hear from me|proceed if i don't reply|no response means go ahead|silence means go ahead|run if i don't answer|run if i don't respond|run it if i don't answer",
    "OFFLINENO": "do not run while i am offline|don't run while i am offline|don't run while i'm offline|not while i am offline|not while i'm offline|do not run while i'm offline|not when i'm offline|never while i am offline|don't run if i'm offline|do not run if i am offline|don't run if i am offline|silence does not mean yes|no answer does not mean yes|silence doesn't mean yes|do nothing while i'm offline",
    "RUNNOW": "run without asking|without asking|without asking me|without asking first|without asking me first|without approval|without my approval|run it automatically|on its own|without waiting for me|no need to ask|no need to ask me|no approval needed|without review|run automatically|without confirmation|no approval required|you don't need to ask|you don't need to ask me|run it without asking|there is no need to ask|there's no need to ask|without further approval|without coming back to me|without checking with me|run on its own|run straight away|no need to check with me|don't ask|don't ask me|do not ask|don't ask first|no confirmation needed|without bothering me|don't bother asking|without notifying me|hands-free|without needing approval|with no approval|without needing my approval|no need for approval|automatically without asking|do it without asking|you do not need to ask",
    "ASKFIRST": "ask me first|ask me|ask first|check with me first|check with me|wait for my approval|wait for my ok|wait for my okay|get my approval|get my approval first|with my approval|only with my approval|after my approval|after i approve|once i approve|only after i approve|need my approval|needs my approval|ask for approval|ask me before|ask before|ask for my approval|ask before sending|ask me before sending|require approval|require my approval|requires approval|requires my approval|wait until i approve|until i approve|subject to my approval|if i approve|confirm with me|confirm with me first|run it by me|run it by me first|run them by me first|wait for approval|wait for me to approve|let me approve|let me approve it|let me approve them|let me approve them first|get my ok first|get my okay first|i have to approve|i must approve|wait for my confirmation|wait for my go-ahead|wait for my go ahead|let me confirm|let me decide|i decide|i approve each one|ask for permission|ask permission|unless i say yes|only if i say yes|only if i approve|unless i approve",
    # limits
    "PERRUN": "per run|a run|each run|every run|in one run|in a run|in any run|in each run|in a single run|at each run|/run|in any one run|for each run|within a run|within one run",
    "PERHOUR": "per hour|an hour|each hour|every hour|hourly|/hour|in any hour|in an hour|per 60 minutes",
    "PERDAY": "per day|a day|each day|every day|daily|/day|in a day|on any day|in any day|on any one day|in one day|per 24 hours|in any 24 hours|in a single day|any day|on a single day|every 24 hours|in any one day|in any given day|on any given day|on one day",
    "PERWEEK": "per week|a week|each week|every week|weekly|/week|in a week|in any week|in one week|per 7 days|in any 7 days|in a single week|in any one week|in any given week",
    "PERMONTH": "per month|a month|each month|every month|monthly|/month|in a month|in any month|in one month",
    "PERACTION": "per action|an action|per operation|apiece|each action|per enrichment|every action|per message|per email|for each action|for any action|per draft|per lookup|per call|for any one action|for one action|on any one action|on one action",
    "LIMITTO": "don't spend more than|do not spend more than|never spend more than|limit to|limit it to|limit this to|cap at|cap it at|cap this at|capped at|limited to|do at most|do no more than|do not exceed|don't exceed|never exceed|with a limit of|with a cap of|a limit of|a cap of|limit of|cap of|limit yourself to|limit them to|the limit is|stop after|stop at|not exceeding|do not do more than|don't do more than|never do more than|never more than|with a maximum of|but no more than|and no more than|but at most|run at most|run no more than|process at most|process no more than|process up to|not to exceed|keep it to|without exceeding|limit the number to|keep to at most|limit actions to|the maximum is|the cap is|touch at most|touch no more than|handle at most|limiting to|limited to at most|limit to at most|limit it to at most|limit to max|capped to|and at most|and up to|but not more than|but never more than|and never more than|and not more than|don't process more than|do not process more than|don't touch more than|do not touch more than|never touch more than|never process more than",
    "SPEND": "spend|spending|use|using|cost|costs|costing|that cost|which cost|that costs|which costs|may cost|can cost|must cost|should cost|it may cost|it costs|they cost|the cost is|the action costs|the action's cost is",
    "CREDITS": "credits|credit",
    "ACTIONS": "actions|action|times|operations|of them|records|items|updates|changes|enrichments|runs of this|operation|record|item|moves|archivals",
    "ATATIME": "at a time|at once|in one go|per batch",
    "TOTAL": "in total|total|altogether|overall",
    # weekly window
    "WEEKDAYS": "weekdays|on weekdays|weekday|on working days|on workdays|on business days|during weekdays|on any weekday|mon-fri|monday to friday|monday through friday|monday-friday|mon to fri|mon–fri|monday–friday|on mon-fri|on monday to friday|monday till friday|from monday to friday|during the week|mon through fri|on monday through friday|every weekday|business days|working days|workdays",
    "WEEKENDS": "weekends|on weekends|at weekends|on the weekend|at the weekend|over the weekend|during weekends|on saturdays and sundays",
    "HOURSW": "hours|o'clock",
    "TIMEW": "time|local time",
}

DAYS = {name: index for index, names in enumerate(
    ("monday|mondays|mon", "tuesday|tuesdays|tue|tues", "wednesday|wednesdays|wed", "thursday|thursdays|thu|thurs",
     "friday|fridays|fri", "saturday|saturdays", "sunday|sundays")) for name in names.split("|")}  # fmt: skip

# English of a moment -> the field of the target entity that holds it
MOMENTS: dict[str, str] = {
    "created_at": "created|creation|comes in|come in|arrives|signs up|signing up|sign-up|signup|joining|its creation|their creation|added|was created|were created|was added|were added|been created|been added|entered into the crm|came in|"
    "signed up|is created|are created|is added|are added|imported",
    "updated_at": "modified|changed|last modified|last changed|was last updated|were last updated|been modified|been changed",
    "last_activity_at": "touched|last touched|last active|was last active|were last active|last had activity|had their last activity|"
    "had its last activity|been touched|last seen active|been worked on|worked on|last worked on",
    "last_contacted_at": "contacted|last contacted|was last contacted|were last contacted|been contacted|reached out to|been emailed|"
    "emailed|last emailed|been reached out to|been written to|spoken to|spoken with|talked to|talked with|been spoken to",
    "last_reply_at": "heard from|heard back from|replied|last replied|responded|last responded|answered|last answered|replied to us|responded to us|"
    "written back|replied to an email|replied to any email|replied to our emails|responded to our emails",
    "close_date": "closing|closes|close|due to close|expected to close|scheduled to close|set to close|due to be closed",
    "stage_entered_at": "entered its stage|entered their stage|entered its current stage|entered their current stage|"
    "moved to its current stage|in its current stage since|been in the same stage|in the same stage|stuck in the same stage|"
    "stuck in its stage|in its current stage|in their current stage|stuck in their stage|been stuck in the same stage|"
    "in their stage|in its stage|been in their current stage|been in its current stage|stuck at their stage",
}

ENTITIES: dict[str, str] = {
    "contact": "contact|contacts|people|persons|contact record|contact records",
    "deal": "deal|deals|opportunity|opportunities|deal record|deal records",
    "company": "company|companies|account|accounts|organization|organizations|organisation|organisations",
}
LIFECYCLE_ENTITIES = {
    "lead": "lead|leads",
    "customer": "customer|customers",
    "subscriber": "subscriber|subscribers",
    "marketing qualified lead": "mql|mqls|marketing qualified leads",
    "sales qualified lead": "sql|sqls|sales qualified leads",
}

COUNTS = {
    "company.employees": "employees|staff|employee",
    "contact.score": "points|lead points",
}

VAGUE: dict[str, tuple[str, str]] = {}
for _words, _why, _try in (
    ("important|key|relevant|valuable|promising|good|best|great|top|hot|warm|interesting|serious|strategic|critical|significant|quality|high-quality|priority|high-priority|right|appropriate|suitable|qualified-looking|bad|poor|junk|worthless|useless|real|legitimate|obvious|spammy",
     "is a judgement, not a fact. Name the fact that shows it, such as a tag, a stage or an amount", 'tagged "key account"'),
    ("big|large|huge|small|tiny|high-value|low-value|expensive|cheap|major|minor|sizable|high|low|sizeable|substantial|giant|enterprise|enterprises",
     "has no size. Say how much, such as \"over 10,000 USD\" or \"with more than 200 employees\"", 'with an amount over 10,000 USD'),
    ("soon|recently|recent|lately|shortly|old-ish|a while|long|for a while|for a long time|a long time|ages|quickly|promptly|eventually|sometimes|often|occasionally|frequently|regularly|rarely|later|immediately|right away|asap|ancient|some time|for some time|for ages|in ages|in a while|in a long time|early|late|forever|old ones",
     "has no length. Say how long, such as \"in the last 7 days\" or \"more than 30 days ago\"", 'in the last 7 days'),
    ("a lot|lots|many|much|few|several|some|most|mostly|a few|a couple|a bunch|plenty|various|numerous|too many|too much|enough|a handful|majority|the majority|most of",
     "is not a number. Say how many, such as \"at least 3\" or \"at least 80% of\"", 'at least 3'),
    ("about|around|roughly|approximately|nearly|almost|approx|circa|ish|close to|near",
     "makes the line unclear. Give the exact number: \"more than\", \"at least\", \"less than\" or \"at most\"", 'more than'),
    ("usually|generally|normally|typically|probably|likely|maybe|perhaps|possibly|preferably|ideally|if possible|when possible|as needed|if needed|as necessary|if necessary|when appropriate|where appropriate|as appropriate|if appropriate|reasonable|reasonably|sensible|sensibly|when it makes sense|if it makes sense|makes sense|seem|seems|seemingly|appear|appears|look like|looks like|looks|look|think|judge|feel|discretion|obviously|clearly|basically|use your judgment|use your judgement|best judgment|best judgement|your discretion",
     "leaves the decision open. A rule must say exactly when it applies", 'where …'),
    ("today|yesterday|tomorrow|tonight|this week|this month|this quarter|this year|last week|last month|last quarter|last year|next week|next month|next quarter|next year|this morning|nowadays|currently active|these days",
     "depends on a calendar and a time zone. Give a length instead, such as \"in the last 24 hours\" or \"in the last 7 days\", or a date such as \"since 2026-03-01\"", 'in the last 24 hours'),
    ("business hours|office hours|working hours|work hours|out of hours|after hours|overnight|at night|daytime|during the day|in the morning|mornings|evenings|in the evening|afternoons|in the afternoon|nights",
     "can be any hours. Give days, times and a time zone, such as \"on weekdays between 9:00 and 17:00 Europe/Berlin\"", 'on weekdays between 9:00 and 17:00 Europe/Berlin'),
    ("my|mine|me|myself",
     "names nobody that the CRM knows. Write the owner as the CRM shows it, such as: owned by \"Maria Lopez\"", 'owned by "Maria Lopez"'),
    ("vip|vips", "is not known here. If it is a tag, write: tagged \"VIP\"", 'tagged "VIP"'),
    ("similar|like|related|same|such|comparable|matching|etc|and so on|and the like|equivalent|so on|kind of|sort of|whatever|anything else|stuff|things",
     "does not say which. List what you mean", 'tagged "A" or "B"'),
    ("last email|latest email|last e-mail|most recent email|first email|their last email", "is not recorded by itself: what is known is how many of all e-mails bounced", 'every email has bounced'),
    ("follow up with|follow up on|reach out to|get in touch with|follow up|chase up|check in with|check in on|contact them|write to", "does not say whether the message is only drafted or also sent", "Draft follow-ups for … / Send follow-ups to …"),
    ("overdue|past due|expired|late deals", "could mean several things", "whose close date has passed"),
    ("haven't moved|hasn't moved|have not moved|has not moved|not moved|stuck|stalled|stagnant|haven't progressed|hasn't progressed", "could mean the stage or the activity; say which", "that entered their stage more than 30 days ago"),
    ("everything else|the rest|all others|others", "does not say which records", "contacts where …"),
    ("holiday|holidays|bank holidays|public holidays|vacation", "needs a calendar that the rule does not have. Name the days, such as \"on weekdays\", or the dates", 'on weekdays Europe/Berlin'),
    ("duplicate|duplicates|duplicated|invalid|valid|verified|fake|dead|spam|test|broken|incomplete|complete|outdated|obsolete|unengaged|engaged|disengaged|happy|unhappy|satisfied|interested|uninterested|unresponsive|responsive|healthy|churned|abandoned|neglected|forgotten|ghosted|ghosting|upset|angry|decision makers|decision-makers|active users",
     "is not a fact of the catalogue. Name the fact that shows it (see `coco guardrail facts`)", 'tagged "old"'),
    ("competitor|competitors|partner|partners|investor|investors|prospect|prospects|vendor|vendors|client|clients|member|members|user|users|friend|friends|colleague|colleagues|employee of ours|teammates|supplier|suppliers|executive|executives|ceo|ceos|founders|founder|cto|student|students|influencer|influencers",
     "is not a kind of record here. Write \"contacts\", \"deals\" or \"companies\" and say how to tell these ones, such as a tag or a lifecycle stage", 'contacts tagged "partner"'),
    ("ignore previous|ignore all|ignore the|ignore these|ignore any|system prompt|previous instructions|prior instructions|instructions|override|bypass|disregard|admin|sudo|developer mode|jailbreak|pretend|regardless|no matter what|anyway|rules|rule|guardrail|guardrails|policy|policies|restrictions|limits|checks|safeguards",
     "speaks about the rules themselves. A guardrail only says which operation may run on which records; the gate cannot be switched off in words", 'Archive contacts tagged "old".'),
    ("approve everything|everything is approved|do everything|do anything|do whatever|whatever you want|anything you want|full access|full autonomy|all actions|any action|all operations|any operation|everything you need|anything you need|whatever is needed|whatever it takes",
     "would cover every operation. Name the operation and the records, such as: Archive contacts tagged \"old\"", 'Archive contacts tagged "old".'),
):  # fmt: skip
    for _word in _words.split("|"):
        VAGUE[_word] = (_why, _try)

UNKNOWN_OPERATIONS = frozenset(
    "merge call phone dial text invite pay refund charge invoice publish export import sync buy sell approve reject transfer "
    "block ban subscribe unsubscribe convert clone copy duplicate schedule book cancel forward share upload download sign "
    "close reopen clean cleanup purge wipe fix improve process handle manage deal-with score rank prioritize nurture engage "
    "mark change give make set create dedupe deduplicate erase drop post tweet announce nudge chase qualify disqualify respond contact bill research".split()
)


@dataclass(frozen=True)
class Vocabulary:
    """Phrases (as tuples of lower-case words) to tokens, for one catalogue."""

    phrases: dict[tuple[str, ...], Entry]
    longest: int
    words: frozenset[str]


def split_words(phrase: str) -> tuple[str, ...]:
    """A phrase as the lexer's words."""
    from .lexer import words_of

    return words_of(phrase)


def build_vocabulary(catalogue: Catalogue) -> Vocabulary:
    """The vocabulary of a catalogue: the fixed phrases, its nouns, values, operations and connectors."""
    phrases: dict[tuple[str, ...], Entry] = {}

    def put(text: str, kind: str, value: object = None, *, override: bool = False) -> None:
        key = split_words(text)
        if key and (override or key not in phrases):
            phrases[key] = (kind, value)

    def put_all(texts: Iterable[str], kind: str, value: object = None) -> None:
        for text in texts:
            put(text, kind, value)

    for entity, names in ENTITIES.items():
        put_all(names.split("|"), "ENT", entity)
        for name in names.split("|"):
            put(name + "'s", "ENTPOSS", entity)
            put(name + "'", "ENTPOSS", entity)
    for stage, names in LIFECYCLE_ENTITIES.items():
        put_all(names.split("|"), "ENTLC", stage)
    put("the action", "THEACTION")
    put("the action's", "ACTIONPOSS")
    for field, names in MOMENTS.items():
        put_all(names.split("|"), "TV", field)
    for kind, texts in _PHRASES.items():
        put_all(texts.split("|"), kind, None)
    _facts(catalogue, put)
    for fact, names in COUNTS.items():
        put_all(names.split("|"), "COUNTN", fact)
    for kind in ("verbs", "gerunds", "participles"):
        forms: dict[str, list[str]] = {}
        for operation in catalogue.operations.values():
            for form in getattr(operation, kind):
                if form:
                    forms.setdefault(form, []).append(operation.name)
        for form, names in forms.items():
            put(form, {"verbs": "OPV", "gerunds": "OPG", "participles": "OPP"}[kind], tuple(names))
    for connector, names in catalogue.connectors.items():
        put_all(names, "CONNECTOR", connector)
    put_all(DAYS, "DAY")
    for name, index in DAYS.items():
        put(name, "DAY", index, override=True)
    words = frozenset(word for key in phrases for word in key if word.isalpha() and len(word) > 2)
    return Vocabulary(phrases, max(len(key) for key in phrases), words)


def _facts(catalogue: Catalogue, put: object) -> None:
    assert callable(put)
    nouns: dict[str, list[str]] = {}
    values: dict[str, dict[str, str]] = {}
    for fact in catalogue.facts.values():
        for noun in fact.nouns:
            nouns.setdefault(noun, []).append(fact.name)
        for word, value in fact.values.items():
            values.setdefault(word, {})[fact.name] = value
    for noun, names in nouns.items():
        if noun in {"email", "e-mail", "company"}:
            continue  # these are also a message and a record: the grammar places them
        put(noun, "FACT", tuple(names))
    for word, meaning in values.items():
        if word not in {"lead", "customer", "opportunity", "subscriber", "mql", "sql"}:
            put(word, "VAL", tuple(sorted(meaning.items())))


COUNTRY_CODES = frozenset(DISPLAY) - {
    "IN",
    "IT",
    "IS",
    "NO",
    "AT",
    "BE",
    "AM",
    "AS",
    "DO",
    "ME",
    "MY",
    "SO",
    "TO",
    "BY",
    "OR",
    "US",
}
ENTITY_NAMES = RECORD_ENTITIES
