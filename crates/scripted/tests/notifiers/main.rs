//! The contract of notifiers: one list of cases, for mail with a real mail server and for the scripted channel.
//!
//! Another notifier gets a module beside `mail`, which has its other side behave as a case wants and reads the messages
//! that arrived there, and a module in the macro.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod other_side;
#[cfg(test)]
mod scripted;

/// Makes a test of each case for each notifier.
macro_rules! contract {
    ($($case:ident),+ $(,)?) => {
        #[cfg(test)]
        mod of_mail {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(&mut crate::mail::MailSide::start().await).await;
            })+
        }

        #[cfg(test)]
        mod of_a_scripted_channel {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(&mut crate::scripted::ScriptedSide::start()).await;
            })+
        }
    };
}

contract! {
    a_message_arrives_once_with_its_news,
    a_refusal_is_told_from_a_fault_that_may_pass,
    a_message_that_was_not_taken_arrives_later,
    a_message_that_is_sent_again_is_known_by_its_id,
    a_side_that_hangs_is_left_at_the_limit,
    a_check_tells_if_messages_are_taken_and_sends_none,
    no_fault_has_a_secret_in_it,
    texts_of_strangers_change_nothing_but_themselves,
}
