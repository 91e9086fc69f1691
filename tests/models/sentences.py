"""What people type, as they type it: the language, what it is, and the sentences; a name stands after a bar."""

GIVES, ASKS_NAME, ASKS_PREVIOUS, ASKS_COUNT, NOTHING = "gives", "asks_name", "asks_previous", "asks_count", "nothing"

SENTENCES = {
    "en": {
        GIVES: """
            hi im bob | bob
            hey, i'm Alice 👋 | Alice
            my names dave | dave
            I'm Siobhan and I live in Cork | Siobhan
            MY NAME IS JOHN | JOHN
            just call me Liz pls | Liz
            You can call me al | al
            Good evening, this is Karen. | Karen
            hello!! my name is maria, nice to meet you | maria
            My full name is Ada Lovelace. | Ada Lovelace
            Everyone calls me Fred | Fred
            """,
        ASKS_NAME: """
            whats my name
            what is my name again??
            who am i
            do u remember my name
            Can you tell me my name?
            so, my name?
            """,
        ASKS_PREVIOUS: """
            what did i just say
            what was my last message
            repeat my last question
            can you tell me what i just said?
            """,
        ASKS_COUNT: """
            how many messages have i sent
            how many questions did I ask so far?
            how many times have I written to you
            """,
        NOTHING: """
            i'm tired
            I'm a nurse
            I am from Los Angeles
            i am hungry 😩
            I'm German
            im a student at mit
            I'm not Bob
            call me later
            What's your name?
            I'm in London right now
            my name is not important
            I'm Bob's brother
            I'm Head of Sales
            """,
    },
    "ko": {
        GIVES: """
            안녕하세요, 김철수라고 합니다. | 김철수
            철수입니다 | 철수
            나는 민수 | 민수
            제 이름은 민수 | 민수
            난 지영이야 ㅎㅎ | 지영
            저는 박서연이에요~ | 박서연
            민지라고 불러주세요 | 민지
            제이름은 이수진입니다 | 이수진
            안녕 나 하윤이야 | 하윤
            이름은 정우성입니다 | 정우성
            저 최민호인데요 | 최민호
            """,
        ASKS_NAME: """
            제 이름은?
            내 이름은?
            내 이름이 뭐야
            내이름 뭐게?
            제 이름 기억하세요?
            내 이름 알아?
            제 이름 아세요?
            나 누구야?
            제 성함이 어떻게 되죠?
            """,
        ASKS_PREVIOUS: """
            내가 방금 뭐라고 했지?
            방금 뭐라 그랬어
            제 마지막 메시지가 뭐였죠?
            아까 제가 한 질문이 뭐였나요
            """,
        ASKS_COUNT: """
            메시지 몇 개 보냈어?
            제가 지금까지 몇 번 말했나요?
            내가 보낸 메세지 갯수는?
            """,
        NOTHING: """
            저는 대학생입니다
            직장인입니다
            서울에서 왔어요
            저는 개발자예요
            한국 사람이에요
            저는 회사원이에요.
            배고파요 ㅠㅠ
            고양이예요
            저는 부산 출신입니다
            너 이름이 뭐야?
            오늘 날씨 어때?
            저는 학생이라고요
            저는 이용자입니다
            """,
    },
    "zh-CN": {
        GIVES: """
            叫我小王就行 | 小王
            叫我小王就好 | 小王
            可以叫我阿明吗 | 阿明
            我是张伟 | 张伟
            你好，我叫李娜😊 | 李娜
            我的名字叫王小明。 | 王小明
            大家都叫我老刘 | 老刘
            我叫ｔｏｍ | tom
            我是小李，很高兴认识你 | 小李
            我名字是陈晨 | 陈晨
            以后就叫我Lily吧～ | Lily
            """,
        ASKS_NAME: """
            我叫什么
            我叫啥
            你还记得我叫什么名字吗?
            我的名字是？
            我是谁
            知道我名字吗
            你记得我吗，我叫什么来着
            """,
        ASKS_PREVIOUS: """
            我刚才说了什么？
            我刚刚说啥了
            我上一句话是什么
            重复一下我刚才的话
            我上一个问题是什么？
            """,
        ASKS_COUNT: """
            我发了多少条消息
            我问了几个问题了？
            到现在我说了几句话
            """,
        NOTHING: """
            我是北京人
            我是大学生
            我是产品经理
            我是一名医生
            我是程序员
            我来自上海
            我饿了
            你叫什么名字？
            我是四川的
            我是江苏人
            我是高中生
            给我叫个外卖
            老板叫我加班
            我是老师
            """,
    },
    "fr": {
        GIVES: """
            salut moi c'est léa | léa
            je m'appelle karim | karim
            je mappelle Sophie | Sophie
            Bonjour, je suis Élodie 😊 | Élodie
            appelle-moi Max | Max
            mon prenom est chloe | chloe
            Je m’appelle Jean-Pierre Dupont. | Jean-Pierre Dupont
            Tu peux m'appeler Gégé | Gégé
            JE M'APPELLE MARC | MARC
            coucou c'est Julie | Julie
            """,
        ASKS_NAME: """
            comment je m'appelle
            cest quoi mon nom
            c'est quoi mon prénom déjà ?
            tu te souviens de mon nom ?
            Quel est mon prénom ?
            je suis qui
            tu sais comment je m'appelle ?
            et mon nom ?
            """,
        ASKS_PREVIOUS: """
            qu'est-ce que j'ai dit ?
            j'ai dit quoi juste avant
            Que viens-je de dire ?
            Répète mon dernier message
            c'était quoi ma dernière question
            """,
        ASKS_COUNT: """
            combien de messages j'ai envoyés ?
            Combien de questions t'ai-je posées ?
            j'ai envoyé combien de messages
            """,
        NOTHING: """
            je suis fatigué
            je suis prof
            Je suis Français
            je suis de lyon
            Je suis ingénieure à Toulouse
            j'habite à Paris
            je viens de Marseille
            moi c'est pareil
            Comment tu t'appelles ?
            appelle-moi demain
            je suis parisienne
            je ne m'appelle pas Bob
            je suis content de te parler
            """,
    },
    "es": {
        GIVES: """
            hola me llamo ana y tengo 20 años | ana
            soy pedro | pedro
            Mi nombre es Lucía | Lucía
            hola, soy María José | María José
            me llamo ÁNGEL | ÁNGEL
            llámame Paco | Paco
            me dicen Beto 😎 | Beto
            puedes llamarme Nico | Nico
            buenas soy el Juan | Juan
            Yo soy Camila, mucho gusto | Camila
            """,
        ASKS_NAME: """
            como me llamo
            cual es mi nombre
            ¿Te acuerdas de mi nombre?
            sabes como me llamo?
            quién soy yo?
            dime mi nombre porfa
            y mi nombre?
            ¿Recuerdas cómo me llamo?
            """,
        ASKS_PREVIOUS: """
            que dije
            qué acabo de decir?
            que te dije antes
            ¿Cuál fue mi último mensaje?
            repite lo que dije
            cual fue mi pregunta anterior
            """,
        ASKS_COUNT: """
            cuantos mensajes he enviado
            ¿Cuántas preguntas te hice?
            cuántos mensajes llevo?
            """,
        NOTHING: """
            soy de Lima
            soy estudiante
            Soy Ingeniero
            soy mexicana
            estoy cansado
            vivo en Madrid
            llámame mañana
            cómo te llamas?
            Soy Profesora de inglés
            no me llamo Bob
            me gusta el café ☕
            soy muy feliz
            soy la mejor
            """,
    },
    "ja": {
        GIVES: """
            田中です | 田中
            田中です。 | 田中
            さくらです | さくら
            名前はさくらです | さくら
            はじめまして、佐藤と申します。 | 佐藤
            ﾀﾅｶです | タナカ
            僕は山田太郎だよ | 山田太郎
            私、鈴木っていいます！ | 鈴木
            けんたって呼んで | けんた
            こんにちは！高橋です😊 | 高橋
            私の名前は小林 花子です | 小林 花子
            """,
        ASKS_NAME: """
            私の名前は？
            僕の名前覚えてる？
            私の名前わかりますか
            私は誰？
            名前なんだっけ
            俺の名前言ってみて
            私の名前を教えて
            """,
        ASKS_PREVIOUS: """
            今何と言いましたか？
            さっき何て言った？
            私が直前に言ったことは？
            前のメッセージは何でしたか
            いま私なんて言った？
            """,
        ASKS_COUNT: """
            メッセージ何件送った？
            今まで何回質問しましたか
            私は何個メッセージを送りましたか？
            """,
        NOTHING: """
            私は大学生です
            私は会社員です
            東京出身です
            エンジニアです
            元気です
            お腹すいた
            眠いです
            日本人です
            アメリカから来ました
            あなたの名前は？
            大阪に住んでます
            そうです
            今日は雨です☔
            これはペンと言います
            田中さんです
            """,
    },
    "pt-BR": {
        GIVES: """
            oi sou a ana | ana
            me chamo joão | joão
            meu nome é Thiago | Thiago
            Meu nome eh Bia 😊 | Bia
            pode me chamar de Zeca | Zeca
            aqui é o Carlos | Carlos
            Sou o Pedro, tudo bem? | Pedro
            eu me chamo Luiza Souza | Luiza Souza
            todo mundo me chama de Duda | Duda
            oi, aqui quem fala é a Marina | Marina
            """,
        ASKS_NAME: """
            qual meu nome
            qual é o meu nome?
            vc lembra meu nome?
            como eu me chamo
            quem sou eu
            voce sabe meu nome
            e meu nome?
            """,
        ASKS_PREVIOUS: """
            o que eu disse
            o que eu acabei de falar?
            qual foi minha última mensagem
            oq eu falei antes?
            repete o que eu disse
            """,
        ASKS_COUNT: """
            quantas mensagens eu mandei
            qts msgs eu já mandei?
            Quantas perguntas eu fiz?
            """,
        NOTHING: """
            sou de São Paulo
            sou estudante
            sou dentista
            Sou Brasileiro
            to com fome
            moro no rio
            eu sou engenheira
            qual é o seu nome?
            não me chamo Bob
            sou muito feliz
            me chama depois
            sou o dono da padaria
            estou cansado
            meu nome e sobrenome estão no cadastro
            """,
    },
}  # fmt: skip
